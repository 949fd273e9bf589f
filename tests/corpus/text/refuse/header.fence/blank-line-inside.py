# ---
# runbook:
#   title: X

# jupyter:
#   jupytext:
#     comment_magics: false
# ---

# %%
x = 1
