# ---
# runbook:
#   environments: [prod]

# %%
x = 1
