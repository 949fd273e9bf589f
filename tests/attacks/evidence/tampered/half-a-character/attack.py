from forger import change, reseal
change("note", lambda line: line.update(m="\ud800"))
reseal()
