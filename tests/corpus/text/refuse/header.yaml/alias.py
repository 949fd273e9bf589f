# ---
# runbook:
#   title: &a x
#   owner: *a
# ---

# %% Say hello name="hello"
print("hello")
