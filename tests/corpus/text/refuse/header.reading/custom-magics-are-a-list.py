# ---
# runbook:
#   title: X
# jupyter:
#   jupytext:
#     custom_cell_magics: [a]
# ---

# %% Say hello name="hello"
print("hello")
