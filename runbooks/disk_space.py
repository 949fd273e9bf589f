# ---
# runbook:
#   title: Disk space by folder
#   description: How full a disk is, which folders hold the most, and a clear failure above a threshold.
#   owner: examples@signed-runbook.example
#   environments: [prod, scratch, staging]
# approvals:
# - approver: examples@signed-runbook.example
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:5cf2f85a32271cab14029248e161f6483752f6996225ae40e13e0f724b0062e3
#   issued: 2026-11-21T09:48:18Z
#   expires: 2036-11-18T09:48:18Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgDmFdm4KcAu26q/jvxHR3zjLvJh
#     GBPJPFXHRAqlqBWPcAAAAaYXBwcm92YWwudjFAc2lnbmVkLXJ1bmJvb2sAAAAAAAAABnNo
#     YTUxMgAAAFMAAAALc3NoLWVkMjU1MTkAAABAfDiKSu00EuDcrWwMu6P4fEoIW9SYKz39HC
#     Frx+nXew/4FP/Hq2dwBxdNjyA8svN8pf9vLvPMU5cLvcjRqkcGAg==
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
# # Disk space by folder
# For the alert that a disk fills up, and for a look before a large job.
#
# This only reads. It says how full the disk is, shows the folders that hold the most, and fails at the end when
# the disk is fuller than you allow. Folders on other disks below the one you name are left out.
#
# When it fails: begin with the largest folder of the list, and ask its owner before you delete anything.

# %% name="parameters" tags=["parameters"]
from pathlib import Path
from typing import Annotated

from runbook.kit import Bounds

folder: Path = Path("/var")  # where to look: the disk that holds this folder
most_percent: Annotated[int, Bounds(ge=1, le=100)] = 90  # fail when more of the disk is in use than this
largest: Annotated[int, Bounds(ge=1, le=100)] = 10  # how many folders to show
depth: Annotated[int, Bounds(ge=1, le=6)] = 2  # how many levels of folders to look at one by one

# %% How full is the disk? name="disk" tags=["read-only"] timeout=60
import os

from runbook.kit import note, sh

sh("df", "-h", str(folder))
sh("df", "-i", str(folder))

disk = os.statvfs(folder)
# As df counts: what is kept for root is neither used nor free.
used = disk.f_blocks - disk.f_bfree
percent = -(-100 * used // max(used + disk.f_bavail, 1))
# Some file systems have no fixed number of files; they say 0.
files = disk.f_files - disk.f_ffree
files_percent = -(-100 * files // max(disk.f_files, 1))
note(f"{folder}: {percent} % of the space and {files_percent} % of the files in use")

# %% Which folders are the largest? name="largest" tags=["read-only"] timeout=1800
from runbook.kit import note, sh

# What is in a folder counts for it. du leaves out what it may not read, and says so on standard error.
measured = sh(
    "du -x -h -d {depth} -- {folder} | sort -rh | head -n {largest}", depth=depth, folder=folder, largest=largest
)
sizes = [line.split("\t", 1) for line in measured.stdout.split("\n") if "\t" in line]
if measured.stderr:
    note("some folders could not be read by this user: they are missing from the sizes")

# %% Is it below the threshold? name="threshold" tags=["read-only"] timeout=60
if percent > most_percent:
    below = [path for _, path in sizes if path != str(folder)] or [str(folder)]
    raise RuntimeError(f"{folder} is {percent} % full, {most_percent} % is allowed: begin with {below[0]}")
if files_percent > most_percent:
    raise RuntimeError(f"{folder} has {files_percent} % of its files in use, {most_percent} % is allowed")
print(f"{folder} is {percent} % full, below the {most_percent} % allowed")
