# ---
# runbook:
#   1: c
# ---

# %% Say hello name="hello"
print("hello")
