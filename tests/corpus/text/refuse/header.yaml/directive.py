# ---
# %YAML 1.2
# runbook:
#   title: a
# ---

# %% Say hello name="hello"
print("hello")
