# ---
# runbook:
#   title: 1:30
# ---

# %% Say hello name="hello"
print("hello")
