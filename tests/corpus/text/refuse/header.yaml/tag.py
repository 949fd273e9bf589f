# ---
# runbook:
#   title: !!str 1
# ---

# %% Say hello name="hello"
print("hello")
