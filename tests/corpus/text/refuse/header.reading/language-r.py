# ---
# runbook:
#   title: X
# jupyter:
#   kernelspec:
#     display_name: R
#     language: R
#     name: ir
# ---

# %% Say hello name="hello"
print("hello")
