# ---
# runbook:
#   title: [a
# ---

# %% Say hello name="hello"
print("hello")
