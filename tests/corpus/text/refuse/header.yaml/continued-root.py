# ---
# other: a
#  b: c
# ---

# %% Say hello name="hello"
print("hello")
