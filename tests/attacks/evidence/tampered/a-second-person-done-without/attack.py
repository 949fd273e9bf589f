from pathlib import Path
from forger import begin_anew, render_and_seal
policy = Path("trust/policy.toml").read_bytes() + b'confirm_by = "sre"\n'
begin_anew(lambda plan: None, {"policy.toml": policy})
render_and_seal()
