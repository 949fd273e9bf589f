from forger import journal, write_journal, render_and_seal
lines = journal()
place = next(n for n, line in enumerate(lines) if line["kind"] == "step-ended" and line["step"] == "health")
reply = next(line for line in lines if line["kind"] == "message" and line["type"] == "execute_reply")
late = {**reply, "content": {**reply["content"], "status": "error", "ename": "ValueError", "evalue": "no"}}
late |= {key: lines[place][key] for key in ("t", "m")}
write_journal([*lines[: place + 1], late, *lines[place + 1 :]])
render_and_seal()
