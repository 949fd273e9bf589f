# ---
# runbook:
#   title: Restart the web tier
#   description: Rolling restart, one host at a time, with a health check after each.
#   owner: sre@example.com
#   environments: [staging, prod]
#   env: [WEB_REGION]
#   agent: true
# approvals:
# - approver: bob@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAA
# jupyter:
#   jupytext:
#     comment_magics: false
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Restart the web tier
# When the error rate stays above 2 % for five minutes.

# %% tags=["parameters"]
host: str = "web1"  # the host to restart first
wait_seconds: int = 30  # pause between hosts

# %% Is it answering? name="health" tags=["read-only"] timeout=60
from runbook.kit import sh
sh("curl", "-fsS", f"http://{host}/health")

# %% [markdown] name="announce" tags=["manual"]
# Tell #ops that the restart begins.

# %% Restart name="restart" tags=["danger"]
sh("ssh", host, "systemctl restart web")

# %% Put it back name="rollback" undoes="restart"
sh("ssh", host, "systemctl start web-previous")
