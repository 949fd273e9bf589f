# ---
# runbook:
#   title: 1_000
# ---

# %% Say hello name="hello"
print("hello")
