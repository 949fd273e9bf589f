from forger import change, reseal
change("step-ended", lambda line: line.update(state="failed", reply="error"))
reseal()
