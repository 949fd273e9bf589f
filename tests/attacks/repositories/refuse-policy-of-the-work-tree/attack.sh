#!/bin/sh
set -e
# Staged and committed on another branch, but not on the one that is trusted.
git checkout -qb change
cp "$WEAK/.runbook/policy.toml" ops/.runbook/policy.toml
git commit -qam weak
