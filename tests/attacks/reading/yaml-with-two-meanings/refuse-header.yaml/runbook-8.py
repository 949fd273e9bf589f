# ---
# runbook:
#   title: X
#   "title": Y
# ---

# %%
# rm victim
x = 1
