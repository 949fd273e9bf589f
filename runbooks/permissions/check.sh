#!/bin/sh
# Usage: check.sh RULES TOP. Holds the files below TOP against RULES, and changes nothing.
# Ends with 1 when a file breaks a rule, with 2 when a rule can't be read or a file can't be looked at.
set -u

rules=$1
top=${2%/}
broken=0
looked_at=0
absent=0

# The last line counts without a line end, too.
while read -r owner never path rest || [ -n "$owner" ]; do
    case $owner in '' | '#'*) continue ;; esac
    case $path in /*) ;; *) path='' ;; esac
    if [ -z "$path" ] || [ -n "$rest" ]; then
        echo "$rules: '$owner $never $path' is no rule: owner, permissions, one absolute path" >&2
        exit 2
    fi
    file=$top$path
    # What can't be seen is no news that it is well: only what its folder says is absent is left out.
    if ! [ -e "$file" ]; then
        folder=$(dirname "$file")
        while ! [ -e "$folder" ]; do folder=$(dirname "$folder"); done
        if ! [ -x "$folder" ]; then
            echo "$file: this user may not look into $folder" >&2
            exit 2
        fi
        absent=$((absent + 1))
        continue
    fi
    looked_at=$((looked_at + 1))
    # -H: a link counts as what it leads to; -prune: the folder itself, not what is in it.
    found=$(find -H "$file" -prune ! -user "$owner") || exit 2
    if [ -n "$found" ]; then
        echo "$file: does not belong to $owner"
        broken=$((broken + 1))
    fi
    for bit in $(echo "$never" | tr ',' ' '); do
        found=$(find -H "$file" -prune -perm "-$bit") || exit 2
        if [ -n "$found" ]; then
            echo "$file: has $bit"
            broken=$((broken + 1))
        fi
    done
done <"$rules"

echo "looked at $looked_at, absent $absent, rules broken $broken"
if [ "$looked_at" -eq 0 ]; then
    echo "none of the files is there: is $2 the top of a system?" >&2
    exit 2
fi
[ "$broken" -eq 0 ]
