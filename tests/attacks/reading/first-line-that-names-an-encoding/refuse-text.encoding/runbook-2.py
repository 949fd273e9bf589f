# %% Decoding: utf-8
open('done', 'w')
