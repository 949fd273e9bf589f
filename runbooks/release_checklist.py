# ---
# runbook:
#   title: Release checklist
#   description: Takes a release from a quiet main branch to a pushed tag, with the steps that only people can do.
#   owner: examples@signed-runbook.example
#   environments: [prod, scratch, staging]
# approvals:
# - approver: examples@signed-runbook.example
#   environments: [prod, staging]
#   allows: interactive
#   text: sha256:16fe8ce0b5641ff37a72de70daa2ea70eec5af40c8c07881d1f40b77652dc284
#   issued: 2026-11-21T09:48:22Z
#   expires: 2036-11-18T09:48:22Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgDmFdm4KcAu26q/jvxHR3zjLvJh
#     GBPJPFXHRAqlqBWPcAAAAaYXBwcm92YWwudjFAc2lnbmVkLXJ1bmJvb2sAAAAAAAAABnNo
#     YTUxMgAAAFMAAAALc3NoLWVkMjU1MTkAAABAEDFfXmp57tS+jN7aWKjgCQ5m7kYd+EpON9
#     3/EUZiBzYhQAg/oqnf1JUCAuqojpF7pgVsnXJzCajFfBBVC4B0CA==
# jupyter:
#   jupytext:
#     comment_magics: false
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Release checklist
# For everybody who makes a release. Plan half an hour, and have a second person at hand who did not write the changes.
#
# Machines check what can be checked; the steps marked as manual are yours: do what they say, then attest it. What
# you attest stands under your name in the record. Decline a step when it is not so: the release stops there.
#
# Without a repository of yours this is a drill in a throw-away one, with a throw-away remote beside it.

# %% name="parameters" tags=["parameters"]
from pathlib import Path

version: str = "1.1.0"  # the version to release: three numbers, higher than the last
repository: Path | None = None  # the work tree to release from; without one a throw-away is made
remote: str = "origin"  # where the tag is pushed to

# %% Tools name="tools" tags=["read-only", "setup"] timeout=60
import re
import subprocess
from pathlib import Path


def git(*words):
    """What git says, without its final line end. Fails with git's own words."""
    command = ["git", "-C", str(tree), *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"git {' '.join(words)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.removesuffix("\n")


tree = repository or Path("drill").absolute()
tag = f"v{version}"
person = []
if repository is None:
    # In the drill nobody's name, address or key is needed.
    nobody = ["user.name=Release drill", "user.email=drill@example.com", "commit.gpgsign=false", "tag.gpgsign=false"]
    person = [word for setting in nobody for word in ("-c", setting)]

# %% A repository to practise on name="drill" tags=["setup"] timeout=60
CHANGES = """# Changes

## 1.1.0

- Added: the drill has a second release.

## 1.0.0

- Added: the drill.
"""

if repository is None and not tree.exists():
    subprocess.run(["git", "init", "-q", "--bare", "drill-remote.git"], check=True)
    subprocess.run(["git", "init", "-q", "-b", "main", "drill"], check=True)
    git("remote", "add", remote, str(Path("drill-remote.git").absolute()))
    first, second = CHANGES.split("## 1.1.0")[0], CHANGES
    tree.joinpath("CHANGES.md").write_text(first + CHANGES.partition("second release.\n\n")[2])
    git("add", ".")
    git(*person, "commit", "-qm", "The drill")
    git(*person, "tag", "-a", "v1.0.0", "-m", "1.0.0")
    tree.joinpath("CHANGES.md").write_text(second)
    git(*person, "commit", "-qam", "A second release of the drill")
    git("push", "-q", remote, "main", "v1.0.0")

# %% Is everything in place? name="ready" tags=["read-only"] timeout=120
from runbook.kit import context, note

if context.dry_run and repository is None:
    raise RuntimeError("a dry run makes no repository to practise on: name one of yours")
if not re.fullmatch(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}", version):
    raise ValueError(f"{version!r} is not three numbers like 1.4.0")
if git("status", "--porcelain"):
    raise RuntimeError(f"{tree} has changes that are not committed: a release is made from what everybody can see")
if git("tag", "--list", tag):
    raise RuntimeError(f"{tag} is there already: a version is released once")


def numbers(name):
    return tuple(int(number) for number in name.removeprefix("v").split("."))


released = [name for name in git("tag", "--list", "v*").split("\n") if re.fullmatch(r"v[0-9]+\.[0-9]+\.[0-9]+", name)]
last = max(released, key=numbers, default=None)
if last and numbers(tag) <= numbers(last):
    raise RuntimeError(f"{tag} is not higher than {last}, the last release")
if f"## {version}" not in tree.joinpath("CHANGES.md").read_text().split("\n"):
    raise RuntimeError(f"CHANGES.md has no heading '## {version}': say what changed before you release it")
commit = git("rev-parse", "HEAD")
note(f"{tag} will be commit {commit[:12]}; the last release is {last or 'none'}")

# %% What is in it? name="changes" tags=["read-only"] timeout=60
from runbook.kit import sh

sh("git", "-C", str(tree), "--no-pager", "log", "--oneline", "--no-decorate", f"{last}..HEAD" if last else "HEAD")

# %% [markdown] name="freeze" tags=["manual"]
# ## Ask for quiet
# Tell the team that the release has begun and that nothing is merged until it is out. Wait for the answer of
# whoever merges today.

# %% [markdown] name="second-reader" tags=["manual"]
# ## Have the changes read
# A person who did not write them compares the list above with the new section of CHANGES.md: nothing missing,
# nothing promised that is not in, and every change that breaks something says what to do about it.

# %% Tag it name="tag" tags=["confirm"] timeout=60
if git("rev-parse", "HEAD") != commit:
    raise RuntimeError(f"{tree} moved since it was checked: begin again")
git(*person, "tag", "-a", tag, "-m", f"Release {version}", commit)
print(f"{tag} is {commit}")

# %% Is the tag where it belongs? name="tag-is-right" tags=["read-only"] timeout=60 checks="tag"
if git("rev-parse", f"refs/tags/{tag}^{{commit}}") != commit:
    raise RuntimeError(f"{tag} is not commit {commit}")
print(f"{tag} is commit {commit}")

# %% Take the tag back name="untag" timeout=60 undoes="tag"
git("tag", "-d", tag)

# %% Push it name="push" tags=["danger"] timeout=300
sh("git", "-C", str(tree), "push", remote, f"refs/tags/{tag}")

# %% Is it there for everybody? name="push-is-right" tags=["read-only"] timeout=120 checks="push"
seen = git("ls-remote", "--tags", remote, f"refs/tags/{tag}^{{}}").split("\t")[0]
if seen != commit:
    raise RuntimeError(f"{remote} has {seen or 'nothing'} as {tag}, not {commit}")
print(f"{remote} has {tag} at {commit}")

# %% Take it back from everybody name="unpush" timeout=300 undoes="push"
git("push", remote, "--delete", f"refs/tags/{tag}")

# %% [markdown] name="tell" tags=["manual"]
# ## Tell people
# Write to those who wait for it: the version, the one sentence on why they want it, the link to CHANGES.md. Tell
# the team that main is open again.
