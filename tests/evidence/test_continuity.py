"""Whether anything was taken out of a journal or put into it: each test is about one numbered step."""

import pytest

from runbook.canonical import hex_digest
from runbook.evidence.continuity import Continuity
from runbook.evidence.events import Event, moment
from tests.evidence.builders import BEGAN, CELLS, DIGEST, plan_of

SOURCE = "print('fine')"


class Journal:
    """A journal that is told event by event."""

    def __init__(self, **changes: object) -> None:
        self._continuity = Continuity(plan_of(CELLS, **changes), plan_digest=DIGEST)
        self._seq = 0
        self.tell("opened", plan=DIGEST)
        self.tell("kernel-started")

    def tell(self, kind: str, **payload: object) -> None:
        event = Event(seq=self._seq, prev="", t=moment(BEGAN), m=self._seq, kind=kind, payload=payload)
        self._seq += 1
        self._continuity.feed(event)

    def publish(self, number: int, kind: str = "stream", **content: object) -> None:
        self.tell("message", type=kind, step="health", parent="r1", spooled=number, content=content)

    def begin(self, *, index: int = 1) -> None:
        digest = hex_digest(SOURCE.encode())
        self.tell("step-started", step="health", index=index, attempt=1, source=digest)

    def end(self, state: str = "succeeded", *, attempt: int = 1) -> None:
        self.tell("step-ended", step="health", attempt=attempt, state=state, message="r1")

    def ask(self, number: int, step: str = "announce", *choices: str) -> None:
        taken = list(choices or ("done", "decline", "skip"))
        self.tell("question", question=number, step=step, asks="manual", choices=taken)

    def answer(self, number: int, choice: str, words: str = "") -> None:
        self.tell(
            "answer",
            question=number,
            step="announce",
            choice=choice,
            words=words,
            by="alice@here",
            how="terminal",
        )

    def take_up(self, plan: str = DIGEST) -> None:
        self.tell("opened", plan=plan, taken_up=True)

    @property
    def problems(self) -> list[str]:
        self._continuity.finish()
        return [words for _, words in self._continuity.problems]


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_a_whole_journal_has_nothing_wrong(journal: Journal) -> None:
    journal.publish(1, "status")
    journal.begin()
    journal.publish(2, "execute_input", code=SOURCE)
    journal.publish(3, text="fine")
    journal.publish(4, "runbook_reply", status="ok")
    journal.end()
    journal.ask(1)
    journal.answer(1, "done", "told them")
    journal.tell("attested", step="announce", by="alice@here", words="told them")
    journal.take_up()
    journal.tell("kernel-started", adopted=True)
    journal.publish(5)
    journal.tell("kernel-ended", number=1)
    journal.tell("kernel-started", adopted=False)
    journal.publish(1)
    journal.tell("kernel-ended", number=2)
    assert journal.problems == []


@pytest.mark.parametrize("number", [1, 2])
def test_1_nothing_that_the_kernel_published_stands_there_twice(journal: Journal, number: int) -> None:
    journal.publish(1)
    journal.publish(2)
    journal.publish(number)
    assert journal.problems == [f"the kernel's message {number} stands behind its 2"]


def test_1_nothing_that_the_kernel_published_is_taken_out(journal: Journal) -> None:
    journal.publish(1)
    journal.publish(3)
    assert journal.problems == ["the kernel's messages before its 3 are not here"]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("gap", {"what": "messages of the kernel", "count": 1}),
        ("truncated", {"step": "health", "limit": "step"}),
        ("note", {"by": "runbook", "words": "its limit of output is reached: what it prints from here on"}),
    ],
)
def test_1_what_is_told_to_be_missing_may_be(journal: Journal, kind: str, payload: dict[str, object]) -> None:
    journal.publish(1)
    journal.publish(3)
    journal.tell(kind, **payload)
    assert journal.problems == []


def test_1_a_note_of_the_operator_excuses_nothing(journal: Journal) -> None:
    journal.publish(1)
    journal.tell("note", by="alice@here", words="its limit of output is reached")
    journal.publish(3)
    assert journal.problems == ["the kernel's messages before its 3 are not here"]


@pytest.mark.parametrize("step", ["restart", None])
def test_1_what_the_kernel_published_stays_with_its_step(journal: Journal, step: str | None) -> None:
    journal.tell("message", type="stream", step=step, parent="r1", content={})
    journal.begin()
    journal.end("failed")
    assert journal.problems == ["what the kernel published for 'health' is called another's"]


@pytest.mark.parametrize("state", ["succeeded", "deviated"])
def test_2_what_ended_well_has_the_kernels_reply(journal: Journal, state: str) -> None:
    journal.begin()
    journal.publish(1, "execute_input", code=SOURCE)
    journal.end(state)
    assert journal.problems == ["'health' is called well ended, and no reply of the kernel is here"]


@pytest.mark.parametrize("code", [None, "print('other')"])
def test_2_what_ended_well_has_what_the_kernel_executed(journal: Journal, code: str | None) -> None:
    journal.begin()
    if code is not None:
        journal.publish(1, "execute_input", code=code)
    journal.publish(2, "runbook_reply", status="ok")
    journal.end()
    assert journal.problems == ["what the kernel executed as 'health' is not here, or not that"]


def test_2_nothing_is_asked_of_what_ended_otherwise_or_where_a_gap_is_told(journal: Journal) -> None:
    journal.begin()
    journal.end("kernel-died")
    assert journal.problems == []
    journal.begin()
    journal.tell("gap", what="output", count=None, step="health")
    journal.end()
    assert journal.problems == []


def test_3_an_answer_is_to_the_question_that_is_open(journal: Journal) -> None:
    journal.answer(1, "done")
    journal.ask(2)
    journal.answer(2, "done")
    journal.answer(2, "done")
    assert journal.problems == [f"an answer to question {n}, which is not open" for n in (1, 2)]


def test_3_an_answer_is_one_that_the_question_takes(journal: Journal) -> None:
    journal.ask(1)
    journal.answer(1, "run")
    assert journal.problems == ["question 1 does not take the answer 'run'"]


def test_3_no_number_is_asked_twice_and_a_question_may_stay_open(journal: Journal) -> None:
    journal.ask(1)
    journal.take_up()
    journal.ask(3)
    journal.take_up()
    journal.ask(3)
    assert journal.problems == ["question 3 was asked before"]


@pytest.mark.parametrize("kind", ["step-started", "step-skipped", "attested", "declined", "question"])
def test_3_nothing_goes_on_behind_a_question_that_stands_open(journal: Journal, kind: str) -> None:
    journal.ask(1)
    journal.tell(kind, step="health", index=1, attempt=1, reason="when", question=2, asks="start", choices=[])
    assert journal.problems[0] == "the run went on, and nobody had answered question 1"


@pytest.mark.parametrize("left", ["opened", "interrupted", "confirmed", "step-ended"])
def test_3_a_question_is_left_open_by_a_death_a_stop_a_second_person_or_the_end_of_its_step(
    journal: Journal, left: str
) -> None:
    asks = {"confirmed": "second", "step-ended": "password"}.get(left, "start")
    journal.tell("question", question=1, step="health", asks=asks, choices=["skip"])
    more = {"plan": DIGEST, "taken_up": True, "how": "stop", "step": "health", "state": "failed"}
    journal.tell(left, **more)
    journal.tell("step-skipped", step="restart", reason="when")
    assert journal.problems == []


@pytest.mark.parametrize(
    ("step", "asks", "due"),
    [
        ("health", "danger", "start"),
        ("restart", "start", "danger"),
        ("restart", "confirm", "danger"),
        ("announce", "start", "manual"),
    ],
)
def test_3_what_is_asked_before_a_step_is_what_the_plan_asks(
    journal: Journal, step: str, asks: str, due: str
) -> None:
    for number, each in enumerate((asks, due, "failed"), 1):
        journal.tell("question", question=number, step=step, asks=each, choices=[])
        journal.take_up()
    assert journal.problems == [f"{step!r} is asked for as {asks!r}, and not {due!r}"]


@pytest.mark.parametrize(
    ("kind", "approved", "lies"),
    [
        ("interactive", True, ["approval", "default"]),
        ("unattended", True, ["default"]),
        ("unattended", False, ["approval"]),
    ],
)
def test_3_nobodys_own_answer_stands_only_where_nobody_is_there(
    kind: str, approved: bool, lies: list[str]
) -> None:
    journal = Journal(kind=kind, approved=approved)
    for number, how in enumerate(("terminal", "approval", "default"), 1):
        journal.tell("question", question=number, step="restart", asks="danger", choices=["run"])
        journal.tell("answer", question=number, step="restart", choice="run", how=how)
    assert journal.problems == [f"nobody answers by {how!r} in such a run" for how in lies]


@pytest.mark.parametrize(
    ("kind", "choice", "more"),
    [("attested", "done", {}), ("declined", "decline", {}), ("step-skipped", "skip", {"reason": "operator"})],
)
def test_4_what_a_person_settled_follows_their_answer(
    journal: Journal, kind: str, choice: str, more: dict[str, object]
) -> None:
    other = "skip" if choice == "done" else "done"
    journal.ask(1)
    journal.answer(1, other, "so")
    journal.tell(kind, step="announce", words="so", **more)
    journal.ask(2)
    journal.answer(2, choice, "so")
    journal.tell(kind, step="restart", words="so", **more)
    journal.tell(kind, step="announce", words="otherwise", **more)
    journal.tell(kind, step="announce", words="so", by="bob@here", **more)
    journal.tell(kind, step="announce", words="so", **more)
    assert journal.problems == [
        f"nobody answered {choice!r} for 'announce'",
        f"nobody answered {choice!r} for 'restart'",
        *["'announce': the answer was somebody else's, or in other words"] * 2,
    ]


def test_4_a_step_that_the_plan_leaves_out_asks_nobody(journal: Journal) -> None:
    journal.tell("step-skipped", step="restart", reason="when", words="")
    assert journal.problems == []


def test_5_a_step_ends_as_the_attempt_that_it_began_as_at_its_place(journal: Journal) -> None:
    journal.begin(index=2)
    journal.end("failed", attempt=2)
    journal.take_up("sha256:" + "1" * 64)
    journal.tell("opened", plan=DIGEST)
    assert journal.problems == [
        "'health' does not stand there in the plan",
        "attempt 1 of 'health' ends as another",
        "the run was taken up on another plan",
        "the run was opened a second time",
    ]


def test_6_what_ends_well_ran_in_a_kernel_that_had_answered(journal: Journal) -> None:
    journal.tell("kernel-ended", number=1)
    journal.begin()
    journal.publish(1, "execute_input", code=SOURCE)
    journal.publish(2, "runbook_reply", status="ok")
    journal.end()
    assert journal.problems == ["'health' is called well ended, and no kernel had answered"]


def test_6_one_kernels_end_is_told_before_another_answers_and_once(journal: Journal) -> None:
    journal.tell("kernel-started")
    journal.tell("kernel-ended", number=2)
    journal.tell("kernel-ended", number=2)
    journal.tell("kernel-started")
    assert journal.problems == [
        "a kernel answered while another one lived",
        "the end of kernel 2 was told before",
    ]


def test_6_only_who_takes_a_run_up_finds_a_kernel_there(journal: Journal) -> None:
    journal.take_up()
    journal.tell("kernel-started", adopted=True)
    journal.tell("kernel-ended", number=1)
    journal.tell("kernel-started", adopted=True)
    assert journal.problems == ["a kernel was found there by nobody who took the run up"]
