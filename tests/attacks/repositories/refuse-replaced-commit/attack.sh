#!/bin/sh
set -e
# refs/replace/ can be fetched like any other ref; git then shows another commit under the old name.
true_one=$(git rev-parse main)
cp "$WEAK/.runbook/policy.toml" ops/.runbook/policy.toml
git commit -qam weak
git replace "$true_one" "$(git rev-parse HEAD)"
git update-ref refs/heads/main "$true_one"
git reset -q --hard "$true_one"
