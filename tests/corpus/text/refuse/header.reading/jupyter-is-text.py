# ---
# runbook:
#   title: X
# jupyter:
#   x
# ---

# %% Say hello name="hello"
print("hello")
