# ---
# jupyter:
#   jupytext:
#     comment_magics: false
# runbook:
#   title: X
# jupyter:
#   jupytext:
#     comment_magics: true
# ---

# %%
# rm victim
x = 1
