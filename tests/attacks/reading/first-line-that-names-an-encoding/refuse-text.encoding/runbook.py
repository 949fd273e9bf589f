# encoding: utf-7
# %%
# +AAo-open('pwned', 'w')
x = 1
