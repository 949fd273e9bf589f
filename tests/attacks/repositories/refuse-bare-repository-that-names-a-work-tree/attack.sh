#!/bin/sh
set -e
# The same, with a configuration that says it is none.
git -C "$WEAK" init -q -b main
git -C "$WEAK" add -A
git -C "$WEAK" commit -qm weak
cp -R "$WEAK/.git/HEAD" "$WEAK/.git/objects" "$WEAK/.git/refs" ops/
git config --file ops/config core.bare false
git config --file ops/config core.worktree .
