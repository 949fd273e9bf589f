# ---
# just words
# ---

# %% Say hello name="hello"
print("hello")
