# %% Decoding: base64
x = 1
