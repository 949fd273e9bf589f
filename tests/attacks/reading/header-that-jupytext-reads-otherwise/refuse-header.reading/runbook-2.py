# ---
# runbook:
#   title: X
# jupyter:  # comment
#   jupytext:
#     comment_magics: false
# ---

# %%
# rm victim
x = 1
