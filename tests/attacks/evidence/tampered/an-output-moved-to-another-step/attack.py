from forger import journal, render_and_seal, write_journal
lines = journal()
for line in lines:
    if line["kind"] == "message" and line["type"] == "display_data":
        line["step"] = "health"
write_journal(lines)
render_and_seal()
