# ---
# runbook:
#   title: &a x
# ---

# %% Say hello name="hello"
print("hello")
