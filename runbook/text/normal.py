"""The normal form: one spelling for every text, written without changing what any cell means (`fmt`)."""


def normalised(data: bytes) -> str:
    """The canonical text (LF) of `data` in normal form. Idempotent.

    Approvals are left out as soon as anything else changes: they were for other bytes. Raises TextRefused
    for a text that is refused, and for what no machine may decide (an unknown option, a derived default).
    """
    raise NotImplementedError
