# ---
# runbook:
#   title: X

# %%
x = 1
