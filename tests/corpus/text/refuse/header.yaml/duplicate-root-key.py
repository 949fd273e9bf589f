# ---
# runbook:
#   title: a
# runbook:
#   title: b
# ---

# %% Say hello name="hello"
print("hello")
