#!/bin/sh
set -e
# A nested runbook.toml: paths would begin there, and `runbooks/**` would match nothing.
printf "version = 1\n" > ops/runbooks/runbook.toml
cp -R "$WEAK/.runbook" ops/runbooks/
