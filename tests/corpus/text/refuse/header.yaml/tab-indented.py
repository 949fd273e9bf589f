# ---
# runbook:
#   title: 'a'
#  	x: y
# ---

# %% Say hello name="hello"
print("hello")
