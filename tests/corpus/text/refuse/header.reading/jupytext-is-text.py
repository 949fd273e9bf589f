# ---
# runbook:
#   title: X
# jupyter:
#   jupytext: x
# ---

# %% Say hello name="hello"
print("hello")
