# ---
# runbook:
#   environments: [prod]

# jupyter:
#   jupytext:
#     comment_magics: false
# ---

# %%
x = 1
