from forger import begin_anew, render_and_seal
bob = {
    "principal": "bob@example.com",
    "approval": "sha256:" + "0" * 64,
    "fingerprint": "SHA256:" + "A" * 43,
    "issued": "2026-11-01T00:00:00Z",
    "expires": "2026-12-01T00:00:00Z",
}
begin_anew(lambda plan: plan.update(approved=True, counted=[bob]))
render_and_seal()
