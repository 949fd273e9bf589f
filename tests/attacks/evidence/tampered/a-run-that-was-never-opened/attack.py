from forger import journal, render_and_seal, write_journal
write_journal(journal()[1:])
render_and_seal()
