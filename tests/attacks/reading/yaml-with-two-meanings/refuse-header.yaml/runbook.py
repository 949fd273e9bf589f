# ---
# runbook:
#   environments: [prod]
#   environments: [scratch]
# ---

# %%
# rm victim
x = 1
