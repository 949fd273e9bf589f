from forger import journal, render_and_seal, write_journal
lines = journal()
write_journal([dict(lines[0]), *lines])
render_and_seal()
