# ---
# runbook:
#   title: 010
# ---

# %%
# rm victim
x = 1
