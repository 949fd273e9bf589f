from forger import begin_anew, render_and_seal
begin_anew(lambda plan: plan.update(workspace="urn:uuid:00000000-1111-4222-8333-444455556666"))
render_and_seal()
