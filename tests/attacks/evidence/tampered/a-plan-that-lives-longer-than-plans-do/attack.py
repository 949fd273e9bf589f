from forger import begin_anew, render_and_seal
begin_anew(lambda plan: plan.update(expires="2027-11-21T00:12:05Z"))
render_and_seal()
