# ---
# runbook:
#   title: X
# jupyter:
# # note
#   jupytext:
#     comment_magics: false
# ---

# %% Say hello name="hello"
print("hello")
