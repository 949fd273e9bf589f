# ---
# runbook:
#   title: "a\nb"
# ---

# %% Say hello name="hello"
print("hello")
