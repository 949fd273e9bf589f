# ---
# runbook:
#   title: Restart the web tier
#   description: Rolling restart, one host at a time, with a health check after each.
#   owner: sre@example.com
#   environments: [staging, prod]
# jupyter:
#   jupytext:
#     comment_magics: false
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# ## Host number 0
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 1 name="host-1" tags=["danger"] timeout=60
host = hosts[1]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 2
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 3 name="host-3" tags=["danger"] timeout=60
host = hosts[3]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 4
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 5 name="host-5" tags=["danger"] timeout=60
host = hosts[5]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 6
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 7 name="host-7" tags=["danger"] timeout=60
host = hosts[7]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 8
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 9 name="host-9" tags=["danger"] timeout=60
host = hosts[9]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 10
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 11 name="host-11" tags=["danger"] timeout=60
host = hosts[11]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 12
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 13 name="host-13" tags=["danger"] timeout=60
host = hosts[13]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 14
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 15 name="host-15" tags=["danger"] timeout=60
host = hosts[15]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 16
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 17 name="host-17" tags=["danger"] timeout=60
host = hosts[17]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 18
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 19 name="host-19" tags=["danger"] timeout=60
host = hosts[19]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 20
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 21 name="host-21" tags=["danger"] timeout=60
host = hosts[21]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 22
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 23 name="host-23" tags=["danger"] timeout=60
host = hosts[23]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 24
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 25 name="host-25" tags=["danger"] timeout=60
host = hosts[25]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 26
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 27 name="host-27" tags=["danger"] timeout=60
host = hosts[27]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 28
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 29 name="host-29" tags=["danger"] timeout=60
host = hosts[29]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 30
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 31 name="host-31" tags=["danger"] timeout=60
host = hosts[31]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 32
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 33 name="host-33" tags=["danger"] timeout=60
host = hosts[33]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 34
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 35 name="host-35" tags=["danger"] timeout=60
host = hosts[35]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 36
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 37 name="host-37" tags=["danger"] timeout=60
host = hosts[37]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break

# %% [markdown]
# ## Host number 38
# Take it out of the pool, restart it, wait for it, put it back.
# If it does *not* answer within a minute, call somebody.

# %% Restart host 39 name="host-39" tags=["danger"] timeout=60
host = hosts[39]
sh("ssh", host, "systemctl restart web")  # takes about ten seconds
for attempt in range(10):
    if sh("curl", "-fsS", f"http://{host}/health", check=False).code == 0:
        break
