from forger import journal, render_and_seal, write_journal
write_journal([line for line in journal() if line["kind"] != "answer" or line["question"] != 3])
render_and_seal()
