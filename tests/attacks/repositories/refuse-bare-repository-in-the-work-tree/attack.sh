#!/bin/sh
set -e
# A change can hold the folders of a repository: git takes a folder with HEAD, objects/ and refs/ in it for one,
# and reads `main` there.
git -C "$WEAK" init -q -b main
git -C "$WEAK" add -A
git -C "$WEAK" commit -qm weak
cp -R "$WEAK/.git/HEAD" "$WEAK/.git/objects" "$WEAK/.git/refs" ops/
git config --file ops/config core.bare true
git add -A
git checkout -qb change
git commit -qm change
