# ---
# runbook:
#   title: a
# ...
# other: b
# ---

# %% Say hello name="hello"
print("hello")
