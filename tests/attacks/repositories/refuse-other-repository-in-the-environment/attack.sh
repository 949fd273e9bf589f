#!/bin/sh
set -e
# What a hook of another repository leaves in the environment.
git -C "$WEAK" init -q -b main
git -C "$WEAK" add -A
git -C "$WEAK" commit -qm weak
