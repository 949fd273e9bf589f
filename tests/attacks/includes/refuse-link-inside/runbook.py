# ---
# runbook:
#   title: Deploy
#   includes:
#     digest: sha256:4e2c8834cfe0eb28e74667056cd15b139ef8e20948f0382edd8a9603f98dd5b5
#     paths: [Makefile, bin, k8s, lib]
# ---

# %% Deploy
import helper
