from forger import change, render_and_seal
change("attested", lambda line: line.update(by="bob"))
render_and_seal()
