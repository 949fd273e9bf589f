from forger import change, reseal
change("note", lambda line: line.update(words="nothing happened"))
reseal()
