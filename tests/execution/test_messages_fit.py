"""Whatever a terminal can say stands in one line of the journal: what is compared is not in a blob."""

import msgspec

from runbook.canonical import canonical_json
from runbook.evidence.events import INLINE_BYTES
from runbook.execution import messages
from runbook.execution.questions import Answer

EDIT = Answer(question=1, choice="edit", words="why", source="")


def test_the_longest_edit_that_is_taken_stands_whole_in_its_line() -> None:
    room = messages.LIMIT_BYTES - len(messages.encode(messages.Said(answer=EDIT)))
    answer = msgspec.structs.replace(EDIT, source="x" * room)
    assert len(messages.encode(messages.Said(answer=answer))) == messages.LIMIT_BYTES
    deviation = {"text": answer.source, "words": answer.words, "by": "a" * messages.NAME_LENGTH}
    told = {"step": "s" * 200, "index": 1000, "attempt": 1000, "by": "a" * messages.NAME_LENGTH}
    envelope = {"seq": 10**9, "prev": "0" * 64, "t": "2026-11-21T00:12:05.000Z", "m": 10**18}
    line = {"kind": "step-started", "source": "0" * 64, "deviation": deviation, **told, **envelope}
    assert len(canonical_json(line)) < INLINE_BYTES
