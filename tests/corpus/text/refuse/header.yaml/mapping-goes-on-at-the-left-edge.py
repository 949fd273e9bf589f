# ---
# runbook: {title: X,
# jupyter: here}
# ---

# %% Say hello name="hello"
print("hello")
