# ---
# runbook:
#   title:
# ---

# %% Say hello name="hello"
print("hello")
