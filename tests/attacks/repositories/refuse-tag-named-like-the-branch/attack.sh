#!/bin/sh
set -e
# git itself prefers the tag.
git checkout -qb change
cp "$WEAK/.runbook/policy.toml" ops/.runbook/policy.toml
git commit -qam weak
git tag -a -m main main
