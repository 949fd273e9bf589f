# ---
# runbook:
#   title: X
# "jupyter":
#   jupytext:
#     comment_magics: false
# ---

# %% Say hello name="hello"
print("hello")
