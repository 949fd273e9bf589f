# ---
# runbook:
#   title: X
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: light
# ---

# %% Say hello name="hello"
print("hello")
