# ---
# runbook:
#   <<: {agent: true}
#   title: X
# ---

# %%
# rm victim
x = 1
