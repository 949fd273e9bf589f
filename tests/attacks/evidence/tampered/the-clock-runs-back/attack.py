from forger import change, render_and_seal
change("note", lambda line: line.update(m=1))
render_and_seal()
