# ---
# runbook:
#   title: 1.5
# ---

# %% Say hello name="hello"
print("hello")
