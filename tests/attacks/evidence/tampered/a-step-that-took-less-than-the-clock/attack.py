# Ten minutes of an outage that became a second: both clocks of the journal still have the ten minutes.
from forger import journal, render_and_seal, write_journal
lines = journal()
began = next(line for line in lines if line["kind"] == "step-started")["seq"]
for line in lines[began + 3:]:
    line["m"] += 600 * 10**9
    line["t"] = line["t"].replace("T00:12", "T00:22")
    if line["kind"] == "message":
        line["date"] = line["date"].replace("T00:12", "T00:22")
write_journal(lines)
render_and_seal()
