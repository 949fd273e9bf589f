# ---
# runbook:
#   title: Restart the web tier
# approvals:
# - approver: bob@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:aa3e9b6a77cbfad22af08d7cdd83c03d33f3856766c98cdfac24e82604c20b23
#   issued: 2026-11-20T12:00:00Z
#   expires: 2026-12-21T12:00:00Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgM1Im0984Qx+V4P2yaGiN7AfPiV
#     wZT6SwNdNMwZPfQDIAAAAaYXBwcm92YWwudjFAc2lnbmVkLXJ1bmJvb2sAAAAAAAAABnNo
#     YTUxMgAAAFMAAAALc3NoLWVkMjU1MTkAAABA8KSMfMzHW5bNYMKBvlzOK1sJm+V6vwyFCN
#     8kDs52jFwOqgJy6IVMAEpJ7d73b7Rx3llOBerseyJdbEbJDqVgCg==
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

# %% Is it answering? name="health"
print("healthy")
