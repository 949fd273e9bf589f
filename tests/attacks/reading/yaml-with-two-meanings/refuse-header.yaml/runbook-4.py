# ---
# runbook: &a
#   title: X
# other: *a
# ---

# %%
# rm victim
x = 1
