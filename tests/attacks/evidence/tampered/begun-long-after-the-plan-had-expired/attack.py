from forger import begin_anew, render_and_seal
begin_anew(lambda plan: plan.update(created="2026-11-01T00:00:00Z", expires="2026-11-02T00:00:00Z"))
render_and_seal()
