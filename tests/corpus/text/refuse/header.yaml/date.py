# ---
# runbook:
#   title: 2026-11-21
# ---

# %% Say hello name="hello"
print("hello")
