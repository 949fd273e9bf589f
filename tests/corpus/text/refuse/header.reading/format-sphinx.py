# ---
# runbook:
#   title: X
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: sphinx
# ---

# %% Say hello name="hello"
print("hello")
