#%%
import sys
#%% [markdown]
#Prose without a blank
# and with one
#%% A title
print(sys.path)
