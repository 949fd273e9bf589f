from forger import journal, reseal, write_journal
lines = journal()
lines.append(dict(lines[2], m=lines[-1]["m"]))
write_journal(lines)
reseal()
