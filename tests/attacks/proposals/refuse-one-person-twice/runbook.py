# ---
# runbook:
#   title: Restart the web tier
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
# # Restart the web tier

# %% tags=["parameters"]
host: str  # the host to restart

# %% Is it answering? name="health"
print("healthy")
