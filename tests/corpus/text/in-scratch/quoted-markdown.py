# %% [markdown]
"""
# Title
text with # and %%

- item
"""

# %% [markdown]
r'''one line'''

# %%
x = """still

code"""
