# ---
# runbook:
#   title: Back up a SQLite database
#   description: Online backup of a SQLite database, restored elsewhere and compared, so that the backup is known to work.
#   owner: examples@signed-runbook.example
#   environments: [prod, scratch, staging]
# approvals:
# - approver: examples@signed-runbook.example
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:20b52000a2993179f02359c4f3bb7609ab482e10aa3fb76adc914d1c9a4776cf
#   issued: 2026-11-21T09:48:26Z
#   expires: 2036-11-18T09:48:26Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgDmFdm4KcAu26q/jvxHR3zjLvJh
#     GBPJPFXHRAqlqBWPcAAAAaYXBwcm92YWwudjFAc2lnbmVkLXJ1bmJvb2sAAAAAAAAABnNo
#     YTUxMgAAAFMAAAALc3NoLWVkMjU1MTkAAABAXemjsejtCL0m2Y/wvdkJubJNuhQH5TsVSp
#     4daSgrc21BAI3QvQ1KvLCfHPUSULVBLuhrjcVaufjoUiNgt2zwCw==
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
# # Back up a SQLite database
# For the backup before a migration, and for a regular test that backups can be restored.
#
# The copy is made with SQLite's own online backup: whoever uses the database goes on writing meanwhile. The backup
# is then restored into another file and compared with it, table by table and row by row. A backup that was never
# restored is a hope.
#
# Nothing is overwritten: the step `backup` fails when the file is there already. Without a database of yours it
# makes a sample in the working folder of this execution, which is also where files land unless you say otherwise.

# %% name="parameters" tags=["parameters"]
from pathlib import Path

database: Path | None = None  # the database to back up; without one a sample is made
destination: Path | None = None  # the backup's file; without one backup.db in the working folder

# %% Tools name="tools" tags=["read-only", "setup"] timeout=60
import hashlib
import sqlite3
from pathlib import Path

source = database or Path("sample.db").absolute()
backup = destination or Path("backup.db").absolute()
restored = Path("restored.db").absolute()
made = None  # which file this execution made: the only one it may take away again


def reading(path):
    """A connection that cannot change the file, and does not make one that is missing."""
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)


def contents(path):
    """Schema, and for each table its number of rows and a checksum over all of them in a fixed order."""
    found = {}
    connection = reading(path)
    try:
        schema = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        for kind, table, _ in schema:
            if kind != "table":
                continue
            # Text as it is stored: a value that is no UTF-8 is still to be compared.
            connection.text_factory = bytes
            quoted = '"' + table.replace('"', '""') + '"'
            columns = len(connection.execute(f"SELECT * FROM {quoted} LIMIT 0").description)
            order = ", ".join(str(number) for number in range(1, columns + 1))
            checksum, rows = hashlib.sha256(), 0
            for row in connection.execute(f"SELECT * FROM {quoted} ORDER BY {order}"):
                checksum.update(repr(row).encode())
                rows += 1
            found[table] = (rows, checksum.hexdigest())
    finally:
        connection.close()
    return schema, found


def problems(path):
    """What SQLite itself finds wrong with the file; nothing is good."""
    connection = reading(path)
    try:
        return [line for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"]
    finally:
        connection.close()

# %% A sample, when no database is given name="sample" tags=["setup"] timeout=60
if database is None and not source.exists():
    with sqlite3.connect(source) as sample:
        sample.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, photo BLOB)")
        sample.execute("CREATE TABLE invoice (customer INTEGER REFERENCES customer, amount REAL, paid INTEGER)")
        sample.execute("CREATE INDEX unpaid ON invoice (customer) WHERE NOT paid")
        people = ((number, f"Customer {number}", bytes([number % 256]) * 40) for number in range(1, 2001))
        sample.executemany("INSERT INTO customer VALUES (?, ?, ?)", people)
        bills = ((number % 2000 + 1, number / 7, number % 3 == 0) for number in range(10_000))
        sample.executemany("INSERT INTO invoice VALUES (?, ?, ?)", bills)
    sample.close()

# %% Is the database whole, and is there room? name="before" tags=["read-only"] timeout=600
import shutil

from runbook.kit import context, note

if context.dry_run and database is None:
    note("a dry run makes no sample: there is no database to look at")
else:
    found = problems(source)
    if found:
        raise RuntimeError(f"{source} is damaged, a backup of it would be too: {found[0]}")
    size = source.stat().st_size
    free = shutil.disk_usage(backup.parent).free
    if free < 3 * size:
        raise RuntimeError(f"{backup.parent} has {free} bytes free; backup and restore need {3 * size}")
    note(f"{source}: {size} bytes, whole; {free} bytes free in {backup.parent}")

# %% Back it up name="backup" timeout=3600
import os

if backup.exists():
    raise FileExistsError(f"{backup} is there already: name another destination, or move it away")
unfinished = backup.with_name(backup.name + ".unfinished")
unfinished.unlink(missing_ok=True)
watching = reading(source)
version = watching.execute("PRAGMA data_version").fetchone()
writing = sqlite3.connect(unfinished)
try:
    watching.backup(writing, pages=1000, sleep=0.02)
finally:
    writing.close()
# Under its own name only when it is complete; link fails where a rename would overwrite.
os.link(unfinished, backup)
unfinished.unlink()
made = os.stat(backup).st_ino
print(f"{backup}: {backup.stat().st_size} bytes")

# %% Is the backup there, and whole? name="backup-is-whole" tags=["read-only"] timeout=600 checks="backup"
found = problems(backup) if backup.exists() else ["there is no such file"]
if found:
    raise RuntimeError(f"{backup}: {found[0]}")
print(f"{backup} is whole")

# %% Take the backup away again name="remove-backup" timeout=60 undoes="backup"
if made is None or os.stat(backup).st_ino != made:
    raise RuntimeError(f"this execution did not make {backup}: it stays")
backup.unlink()

# %% Restore it elsewhere name="restore" timeout=3600
restored.unlink(missing_ok=True)
reader, writer = reading(backup), sqlite3.connect(restored)
try:
    reader.backup(writer)
finally:
    reader.close()
    writer.close()
found = problems(restored)
if found:
    raise RuntimeError(f"what was restored is damaged: {found[0]}")
print(f"{restored}: {restored.stat().st_size} bytes")

# %% Compare name="compare" timeout=3600
from runbook.kit import note

kept, came_back = contents(backup), contents(restored)
print(f"{'table':30} {'rows':>10}  sha256")
for table, (rows, checksum) in kept[1].items():
    print(f"{table:30} {rows:10}  {checksum[:16]}")
if kept != came_back:
    wrong = sorted(table for table in kept[1] if kept[1][table] != came_back[1].get(table))
    raise RuntimeError(f"the restored database differs from the backup: {wrong or 'schema'}")

changed = watching.execute("PRAGMA data_version").fetchone() != version
watching.close()
if changed:
    note("somebody wrote to the database since the backup began: it is not compared with the backup")
elif contents(source) != kept:
    raise RuntimeError(f"{backup} differs from {source}, to which nobody has written since")
else:
    note(f"{backup} holds what {source} holds: {len(kept[1])} tables, {sum(rows for rows, _ in kept[1].values())} rows")
restored.unlink()
