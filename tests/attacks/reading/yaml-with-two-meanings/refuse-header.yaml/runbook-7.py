# ---
# runbook:
#   title: X
# ...
# approvals: []
# ---

# %%
# rm victim
x = 1
