# ---
# runbook:
#   title: Restart the web tier
#   description: Rolling restart, one host at a time, with a health check after each.
#   owner: sre@example.com
#   environments: [staging, prod]
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

# %% tags=["parameters"]
region: str = "eu"  # where
count: int = 3  # how many

# %% Prepare name="prepare" tags=["setup"]
import os

# %% Change name="change" tags=["danger", "idempotent", "web"] timeout=600 retries=2 when="region == 'eu' and count >= 1 or environment in ('prod', 'staging')"
print(region)

# %% Did it? name="did-it" tags=["read-only"] checks="change"
print(count)

# %% Back name="back" undoes="change"
print("back")

# %% [markdown] name="call" tags=["manual", "confirm"] when="not count > 5"
# Call the customer.

# %% Old name="old" tags=["frozen"]
raise SystemExit("never runs")
