# ---
# coding: utf-8
# runbook:
#   title: X
# ---

# %%
x = 1
