from forger import change, render_and_seal
change("step-started", lambda line: line.update(attempt=2))
render_and_seal()
