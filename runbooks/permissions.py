# ---
# runbook:
#   title: Permissions of system files
#   description: Holds the owners and permissions of a machine's most delicate files against a list.
#   owner: examples@signed-runbook.example
#   environments: [prod, scratch, staging]
#   includes:
#     digest: sha256:4e53c7af1f8188b1485dc13c5ffd39ef5f437d56d1b2168d08b651f8c8b2c375
#     paths: [runbooks/permissions]
# approvals:
# - approver: examples@signed-runbook.example
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:15c001874ede7bbfd56b501da9a740a1527c878e30a748fbd62b34041ad59959
#   issued: 2026-11-21T09:48:20Z
#   expires: 2036-11-18T09:48:20Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgDmFdm4KcAu26q/jvxHR3zjLvJh
#     GBPJPFXHRAqlqBWPcAAAAaYXBwcm92YWwudjFAc2lnbmVkLXJ1bmJvb2sAAAAAAAAABnNo
#     YTUxMgAAAFMAAAALc3NoLWVkMjU1MTkAAABAL0Q+XFhjmUTIDZEwj9QdEgCH7gRNvanQF5
#     tLKpi7yXST0xTVTHIXeOo/6f7Zzco+LQFgA+89WxwGCjP4VuRkBw==
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
# # Permissions of system files
# For the look after a migration or a restore, when files often come back with the wrong owner or too many permissions.
#
# This only reads. The list is `runbooks/permissions/rules.txt`, and `runbooks/permissions/check.sh` holds the files
# against it. Both are included: what was approved is this text with these two files, and no others run.
#
# When it fails: ask who changed the file before you mend it with `chown` or `chmod`. Another list needs
# `runbook fmt --includes` and a new approval, as an edit of this text does.

# %% name="parameters" tags=["parameters"]
from pathlib import Path

top: Path = Path("/")  # where the system begins: another folder for a mounted disk or an image

# %% What is held against what? name="rules" tags=["read-only"] timeout=60
from pathlib import Path

print(Path("runbooks/permissions/rules.txt").read_text(), end="")

# %% Do the files keep the rules? name="check" tags=["read-only"] timeout=300
from runbook.kit import sh

sh("sh", "runbooks/permissions/check.sh", "runbooks/permissions/rules.txt", str(top))
