# ---
# runbook:
#   owner: @sre
# ---

# %% Say hello name="hello"
print("hello")
