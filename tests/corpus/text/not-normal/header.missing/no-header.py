# %% Say hello name="hello"
print("hello")
