# ---
# runbook:
#   title: X
# jupyter:
#   jupytext:
#     main_language: bash
# ---

# %% Say hello name="hello"
print("hello")
