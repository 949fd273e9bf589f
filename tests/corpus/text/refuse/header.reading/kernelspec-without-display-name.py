# ---
# runbook:
#   title: X
# jupyter:
#   kernelspec:
#     name: python3
# ---

# %% Say hello name="hello"
print("hello")
