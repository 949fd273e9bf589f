from forger import begin_anew, render_and_seal
begin_anew(lambda plan: plan.update(environment="staging"))
render_and_seal()
