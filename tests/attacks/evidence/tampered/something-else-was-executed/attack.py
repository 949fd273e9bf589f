from forger import change, render_and_seal
change("step-started", lambda line: line.update(source="00" * 32))
change("message", lambda line: line)
change("sealed", lambda line: line.update(outcome="deviated"))
render_and_seal()
