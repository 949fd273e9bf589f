# %%
x = 1

# %% [markdown]
# prose

# %%
print(x)
