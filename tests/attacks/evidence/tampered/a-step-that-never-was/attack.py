from forger import journal, render_and_seal, write_journal
lines = journal()
lines.insert(-1, dict(lines[5], kind="step-started", step="cleanup"))
lines.insert(-1, dict(lines[10], kind="step-ended", step="restart"))
write_journal(lines)
render_and_seal()
