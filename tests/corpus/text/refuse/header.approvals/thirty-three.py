# ---
# runbook:
#   title: Restart the web tier
#   description: Rolling restart, one host at a time, with a health check after each.
#   owner: sre@example.com
#   environments: [staging, prod]
# approvals:
# - approver: bob@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob00@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob01@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob02@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob03@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob04@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob05@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob06@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob07@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob08@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob09@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob10@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob11@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob12@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob13@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob14@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob15@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob16@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob17@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob18@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob19@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob20@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob21@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob22@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob23@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob24@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob25@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob26@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob27@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob28@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob29@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob30@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
# - approver: bob31@example.com
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
#   issued: 2026-11-21T00:07:07Z
#   expires: 2027-02-19T00:07:07Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgAAECAwQFBgcICQoLDA0ODxAREh
#     MUFRYXGBkaGxwdHh8=
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

# %% Say hello name="hello"
print("hello")
