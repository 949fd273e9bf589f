# ---
# runbook:
#   title: Restart the web tier
# approvals:
# - approver: bob@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:e5448ec8d7568b1d5e82ad27fb53454751820edec66c024b5d21fa5a74684101
#   issued: 2026-11-20T12:00:00Z
#   expires: 2026-12-21T12:00:00Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgM1Im0984Qx+V4P2yaGiN7AfPiV
#     wZT6SwNdNMwZPfQDIAAAAaYXBwcm92YWwudjFAc2lnbmVkLXJ1bmJvb2sAAAAAAAAABnNo
#     YTUxMgAAAFMAAAALc3NoLWVkMjU1MTkAAABAQ3JzoEUq5zL9fry7w7ibhACReD17XXo+L3
#     IPo/HdFZnNwXq9OJJpTwP8rnqh8+2DqohZ7zOFQ//wwMEt7GCaCw==
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
