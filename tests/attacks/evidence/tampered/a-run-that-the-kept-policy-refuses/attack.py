from pathlib import Path
from forger import begin_anew, render_and_seal
policy = Path("trust/policy.toml").read_bytes() + b"approvals = 1\n"
begin_anew(lambda plan: plan.update(approved=True), {"policy.toml": policy})
render_and_seal()
