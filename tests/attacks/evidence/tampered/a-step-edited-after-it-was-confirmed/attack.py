# Somebody signed that the planned text may run; another ran in its place, by somebody's own answer.
from pathlib import Path
from forger import begin_anew, journal, render_and_seal, sha256, write_journal
policy = Path("trust/policy.toml").read_bytes() + b'confirm_by = "sre"\ndeviations = "allow"\n'
begin_anew(lambda plan: plan.update(confirm_by=["sre"]), {"policy.toml": policy})
lines = journal()
text = "print('anything')"
began = next(n for n, line in enumerate(lines) if line["kind"] == "step-started" and line["step"] == "restart")
lines[began] |= {"source": sha256(text.encode()), "deviation": {"text": text, "words": "why", "by": "alice"}}
clock = {"t": lines[began]["t"], "m": lines[began]["m"]}
edit = {"choice": "edit", "how": "terminal", "source": sha256(text.encode()), "words": "why", "by": "alice"}
lines.insert(began, {"kind": "answer", "question": 2, "step": "restart", **edit, **clock})
confirmed = {"principal": "bob@example.com", "fingerprint": "SHA256:x", "signature": "AAAA", "by": "alice"}
lines.insert(began, {"kind": "confirmed", "step": "restart", "attempt": 1, **confirmed, **clock})
for line in lines[began:]:
    if line["kind"] == "message" and line["type"] == "execute_input":
        line["content"]["code"] = text
    if line["kind"] == "step-ended":
        line["state"] = "deviated"
lines[-1]["outcome"] = "deviated"
lines[-1]["steps"]["restart"] = "deviated"
write_journal(lines)
render_and_seal()
