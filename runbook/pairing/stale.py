"""Which approvals a sync made stale: said at once, never deleted (DESIGN §5). Pure."""

from runbook.pairing.texts import Text
from runbook.text.digests import text_digest
from runbook.text.entries import find_block, parse_block, without_entries


def newly_stale(before: Text, after: Text) -> tuple[str, ...]:
    """The approvals in `after` that fitted the text before and no longer do, as `name (environments)`."""
    header = after.header
    if header.first < 0 or not any(line.startswith("approvals:") for line in header.root):
        return ()
    lines = list(after.lines)
    block = find_block(lines, header.first, header.last)
    if block is None:
        return ()
    entries, _ = parse_block(lines[block[0] : block[1]], first_line=block[0] + 1)
    old = text_digest(without_entries(before.canonical))
    new = text_digest(without_entries(after.canonical))
    return tuple(
        f"{entry.principal} ({', '.join(entry.environments)})"
        for entry in entries
        if entry.text == old and entry.text != new
    )
