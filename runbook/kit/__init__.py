"""What the author of a step imports. Standard library only, so that it works the same in any Python.

from runbook.kit import sh, note, context

sh("systemctl", "restart", unit)             # a list of words: no shell
sh("ls {folder} | wc -l", folder=path)       # one shell line; each value becomes exactly one word
"""

from runbook.kit.asking import NobodyAnswers, ask
from runbook.kit.attaching import Attached, attach_file
from runbook.kit.commands import CommandError, Ran, TransportError, sh
from runbook.kit.declarations import Bounds, Secret, Text, secret
from runbook.kit.patience import retry, wait_until
from runbook.kit.remarks import note
from runbook.kit.surroundings import context

__all__ = [
    "Attached",
    "Bounds",
    "CommandError",
    "NobodyAnswers",
    "Ran",
    "Secret",
    "Text",
    "TransportError",
    "ask",
    "attach_file",
    "context",
    "note",
    "retry",
    "secret",
    "sh",
    "wait_until",
]
