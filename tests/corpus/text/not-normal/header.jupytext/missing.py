# ---
# runbook:
#   title: Restart the web tier
#   description: Rolling restart, one host at a time, with a health check after each.
#   owner: sre@example.com
#   environments: [staging, prod]
# ---

# %% Say hello name="hello"
print("hello")
