"""When a pair is looked at: pure, with a clock that the tests turn."""

from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.pairing.batching import Batching, Clocks, Timing, jump
from runbook.pairing.mounts import is_deaf, kind_at
from runbook.pairing.pingpong import PingPong, Round, jupytext_formats, likely_cause


def test_a_pair_waits_until_it_is_quiet() -> None:
    batching = Batching()
    batching.note("x", now=0.0)
    batching.note("x", now=0.030)

    assert batching.due(now=0.060) == ()
    assert batching.wake_at() == 0.070
    assert batching.due(now=0.070) == ("x",)
    assert batching.due(now=9.0) == ()
    assert batching.wake_at() is None


def test_a_pair_that_is_never_quiet_is_looked_at_nevertheless() -> None:
    batching = Batching()
    for tick in range(30):
        batching.note("x", now=tick * 0.02)
        if batching.due(now=tick * 0.02):
            break

    assert tick * 0.02 == 0.4


def test_pairs_do_not_wait_for_each_other() -> None:
    batching = Batching()
    batching.note("a", now=0.0)
    batching.note("b", now=0.030)

    assert batching.due(now=0.041) == ("a",)
    assert batching.due(now=0.071) == ("b",)


def test_a_storm_is_waited_out_and_judged_whole() -> None:
    batching = Batching()
    for number in range(60):
        batching.note(f"p{number:02}", now=number * 0.001)

    assert batching.is_storm
    assert batching.due(now=0.3) == ()
    assert len(batching.due(now=0.36)) == 60
    assert not batching.is_storm


def test_many_events_of_one_pair_are_no_storm() -> None:
    batching = Batching()
    for number in range(500):
        batching.note("x", now=number * 0.0001)

    assert not batching.is_storm


def test_a_storm_ends_after_five_seconds_whatever_git_holds() -> None:
    batching = Batching()
    batching.note("x", now=0.0)
    now = 0.0
    while not batching.due(now=now):
        now += 0.1
        batching.storm(now=now)

    assert 5.0 <= now <= 5.2


def test_a_rebase_that_waits_for_a_person_delays_by_a_moment_only() -> None:
    batching = Batching()
    batching.note("x", now=0.0)
    batching.storm(now=0.01, goes_on=False)

    assert batching.due(now=0.2) == ()
    assert batching.due(now=0.31) == ("x",)


def test_what_is_held_back_waits_for_its_time_or_the_next_event() -> None:
    batching = Batching()
    batching.hold("x", until=2.0)

    assert batching.due(now=1.9) == ()
    batching.note("x", now=1.9)
    assert batching.due(now=1.95) == ("x",)
    batching.hold("x", until=4.0)
    assert batching.wake_at() == 4.0
    assert batching.due(now=4.0) == ("x",)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 0.2)), max_size=60))
@settings(max_examples=150)
def test_every_event_is_answered_in_time(steps: list[tuple[str, float]]) -> None:
    """Whatever comes when: each name that was noted comes out, after its last event, within the limit."""
    batching = Batching(Timing(storm_paths=3))
    now, noted, first = 0.0, dict[str, float](), dict[str, float]()
    for name, pause in [*steps, *[("", 6.0)] * 2]:
        wake_at = batching.wake_at()
        while wake_at is not None and wake_at <= now + pause:
            now, pause = max(now, wake_at), max(now + pause - wake_at, 0.0)
            for each in batching.due(now=now):
                assert now - first.pop(each) <= 5.0 + 1e-9
                del noted[each]
            wake_at = batching.wake_at()
        now += pause
        if name:
            batching.note(name, now=now)
            noted[name] = now
            first.setdefault(name, now)
    assert noted == {}


def test_sleep_and_set_clocks_are_noticed() -> None:
    start = Clocks(wall=1000.0, monotonic=10.0, boot=10.0)

    assert jump(start, Clocks(wall=1060.0, monotonic=70.0, boot=70.0)) is None
    slept = Clocks(wall=4660.0, monotonic=70.0, boot=3670.0)
    assert jump(start, slept) == "the machine slept for 3600 s"
    back = Clocks(wall=460.0, monotonic=70.0, boot=70.0)
    assert jump(start, back) == "the clock was set back by 600 s"
    ahead = Clocks(wall=1660.0, monotonic=70.0, boot=70.0)
    assert jump(start, ahead) == "the clock was set forward by 600 s"


TEXT, NOTEBOOK = frozenset({"text"}), frozenset({"notebook"})


def played(game: PingPong, states: list[str], *, pause: float, crossing: bool = True) -> list[bool]:
    """Rounds: with `crossing` somebody changes the side that we wrote just before, else always the text."""
    answers = []
    for turn, state in enumerate(states):
        changed, wrote = (TEXT, NOTEBOOK) if not crossing or turn % 2 == 0 else (NOTEBOOK, TEXT)
        answers.append(game.wrote("x", Round(turn * pause, (state, state), changed, wrote)))
    return answers


def test_a_writer_that_undoes_what_we_write_is_noticed() -> None:
    game = PingPong()

    assert played(game, list("ababa"), pause=0.5) == [False, False, False, False, True]
    assert game.is_stopped("x", now=3.0, happened=False)
    assert game.is_stopped("x", now=50.0, happened=True)
    assert game.is_stopped("x", now=100.0, happened=False), "it was counted anew"
    assert not game.is_stopped("x", now=111.0, happened=False)


def test_a_person_who_goes_back_and_forth_is_left_alone() -> None:
    assert not any(played(PingPong(), list("ab") * 50, pause=0.1, crossing=False))
    assert not any(played(PingPong(), list("ab") * 50, pause=4.0))


def test_crossing_without_end_is_noticed_though_nothing_repeats() -> None:
    answers = played(PingPong(), [str(turn) for turn in range(40)], pause=0.1)

    assert answers.index(True) == 30


def test_the_likely_cause_is_named() -> None:
    header = "# ---\n# jupyter:\n#   jupytext:\n#     formats: ipynb,py:percent\n# ---\n\n# %%\nx = 1\n"

    assert jupytext_formats(header) == "ipynb,py:percent"
    assert jupytext_formats(header.replace("ipynb,", "")) is None
    assert jupytext_formats("# %%\nformats: ipynb\n") is None
    assert "ipynb,py:percent" in likely_cause(formats="ipynb,py:percent", config=None)
    assert "jupytext.toml" in likely_cause(formats=None, config="jupytext.toml")
    assert "formatter" in likely_cause(formats=None, config=None)


MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/c rw,noatime - 9p drvfs rw
31 22 0:41 / /srv/share\\040one rw - nfs4 server:/x rw
32 22 0:42 / /srv rw - tmpfs tmpfs rw
"""


def test_the_file_system_of_a_folder_is_found() -> None:
    assert kind_at(MOUNTS, "/home/me") == "ext4"
    assert kind_at(MOUNTS, "/mnt/c/work") == "9p"
    assert kind_at(MOUNTS, "/mnt/cd") == "ext4"
    assert kind_at(MOUNTS, "/srv/share one/x") == "nfs4"
    assert kind_at(MOUNTS, "/srv/other") == "tmpfs"
    assert kind_at("", "/") is None


def test_file_systems_of_other_machines_do_not_tell() -> None:
    deaf = ("nfs", "nfs4", "cifs", "smb3", "9p", "drvfs", "fuse", "fuse.sshfs", "virtiofs", "vboxsf")
    assert all(is_deaf(kind) for kind in deaf)
    assert not any(is_deaf(kind) for kind in ("ext4", "xfs", "btrfs", "tmpfs", "overlay", "apfs", "fuseblk"))
