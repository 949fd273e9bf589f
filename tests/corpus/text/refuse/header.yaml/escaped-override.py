# ---
# runbook:
#   title: "a\u202eb"
# ---

# %% Say hello name="hello"
print("hello")
