"""`note`: the author's remark in the record. Changes nothing else."""

from runbook.kit import protocol

LIMIT_CHARACTERS = 32_768


def note(text: str) -> None:
    """Put a remark into the record of this run, at this place. Raises TypeError for what is not text,
    ValueError when it is longer than 32768 characters: that is output, print it."""
    if not isinstance(text, str):
        raise TypeError(f"note takes text, not {type(text).__name__}")
    if len(text) > LIMIT_CHARACTERS:
        raise ValueError(
            f"a note of {len(text)} characters; {LIMIT_CHARACTERS} is the limit: print it instead"
        )
    protocol.tell("note", {"words": text}, words=f"note: {text}")
