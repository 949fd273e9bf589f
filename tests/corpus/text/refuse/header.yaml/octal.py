# ---
# runbook:
#   title: 010
# ---

# %% Say hello name="hello"
print("hello")
