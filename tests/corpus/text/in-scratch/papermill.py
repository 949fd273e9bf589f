# %% tags=["parameters"]
alpha = 0.6

# %% tags=["injected-parameters"]
# Parameters
alpha = 0.7

# %%
print(alpha)
