# ---
# runbook:
#   title: X
#---
#   environments: [prod]
# ---

# %%
x = 1
