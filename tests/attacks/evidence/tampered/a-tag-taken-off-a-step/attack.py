from forger import begin_anew, reseal
begin_anew(lambda plan: plan["steps"][3].update(tags=[]))
reseal()
