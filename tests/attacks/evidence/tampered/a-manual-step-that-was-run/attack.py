from forger import journal, render_and_seal, write_journal
lines = journal()
lines.insert(-1, dict(lines[5], step="announce", m=lines[-1]["m"]))
lines.insert(-1, dict(lines[11], step="announce", m=lines[-1]["m"]))
write_journal(lines)
render_and_seal()
