#!/bin/sh
set -e
git update-ref "refs/evil/$(git rev-parse main:ops/.runbook/policy.toml)" \
  "$(git hash-object -w "$WEAK/.runbook/policy.toml")"
