from forger import journal, render_and_seal, write_journal
write_journal([line for line in journal() if line["kind"] != "kernel-started"])
render_and_seal()
