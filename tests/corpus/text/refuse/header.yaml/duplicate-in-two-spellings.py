# ---
# runbook:
#   title: a
#   "title": b
# ---

# %% Say hello name="hello"
print("hello")
