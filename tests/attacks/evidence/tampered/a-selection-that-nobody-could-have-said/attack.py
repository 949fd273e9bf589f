from forger import begin_anew, render_and_seal
begin_anew(lambda plan: plan.update(selection=["--all fine"]))
render_and_seal()
