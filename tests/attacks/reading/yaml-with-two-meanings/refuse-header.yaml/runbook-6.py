# ---
# runbook:
#   title: !!python/object/apply:os.system [x]
# ---

# %%
# rm victim
x = 1
