# ---
# coding: latin-1
# runbook:
#   title: X
# ---

# %% Guard
raise SystemExit("stop")
