# ---
# runbook:
#   title: X
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .R
#       format_name: percent
# ---

# %% Say hello name="hello"
print("hello")
