# ---
# - a
# - b
# ---

# %% Say hello name="hello"
print("hello")
