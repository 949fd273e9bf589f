# ---
# runbook:
#   title: X
#---
#   owner: y
# ---

# %%
x = 1
