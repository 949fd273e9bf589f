#!/bin/sh
set -e
# The same with the file alone.
git replace "$(git rev-parse main:ops/.runbook/policy.toml)" "$(git hash-object -w "$WEAK/.runbook/policy.toml")"
