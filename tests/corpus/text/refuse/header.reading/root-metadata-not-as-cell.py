# ---
# runbook:
#   title: X
# jupyter:
#   jupytext:
#     root_level_metadata_as_raw_cell: false
# ---

# %% Say hello name="hello"
print("hello")
