# ---
# runbook:
#   agent: no
# ---

# %%
# rm victim
x = 1
