from forger import begin_anew, reseal
begin_anew(lambda plan: plan.update(title="Only a look"))
reseal()
