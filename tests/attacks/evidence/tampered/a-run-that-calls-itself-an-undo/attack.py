from forger import begin_anew, render_and_seal
begin_anew(lambda plan: plan.update(selection=["--only health", "--of 20261120T001205Z-web-restart-000000"]))
render_and_seal()
