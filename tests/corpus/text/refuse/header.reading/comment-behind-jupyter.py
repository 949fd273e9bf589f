# ---
# runbook:
#   title: X
# jupyter: # here
#   jupytext:
#     comment_magics: false
# ---

# %% Say hello name="hello"
print("hello")
