# ---
# runbook:
#   title: X
# "jupyter":
#   jupytext:
#     comment_magics: false
# ---

# %%
# rm victim
x = 1
