# ---
# runbook:
#   agent: yes
# ---

# %% Say hello name="hello"
print("hello")
