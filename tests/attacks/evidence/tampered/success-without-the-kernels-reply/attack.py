from forger import change, render_and_seal, reseal
change("step-ended", lambda line: line.update(reply=None))
reseal()
