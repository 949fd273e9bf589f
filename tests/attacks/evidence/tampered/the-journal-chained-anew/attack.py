from forger import change
change("note", lambda line: line.update(words="nothing happened"))
