# ---
# runbook:
#   # who wakes up
#   title: Fail over
#   description: |
#     First line.
#
#     Second line: after an empty one.
#   owner: 'team # sre'
#   env: [WEB_REGION, _X1]
#   agent: false
#   includes:
#     paths: [lib/pg.py, data/*.csv]
#     digest: sha256:abababababababababababababababababababababababababababababababab
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
