"""How often pages look: all together about as often, however many train; and one at a time."""

from __future__ import annotations

import pytest

from nn import RECIPES
from ui.page import polling
from ui.page.polling import PER_SECOND, SHORTEST, interval
from ui.session import Session


def test_few_trainings_are_looked_at_as_often_as_can_be() -> None:
    assert [interval(count) for count in (0, 1, 4)] == [SHORTEST] * 3


@pytest.mark.parametrize("count", [12, 20, 40])
def test_more_trainings_are_looked_at_less_often_so_that_the_server_answers_as_many(
    count: int,
) -> None:
    assert count / interval(count) == pytest.approx(PER_SECOND)


def test_one_more_or_one_less_changes_nothing() -> None:
    settled = interval(20)
    assert interval(21, settled) == interval(19, settled) == settled


def test_as_visitors_come_and_go_the_interval_changes_a_few_times_only() -> None:
    present, changes = interval(1), 0
    for count in (*range(1, 41), *range(40, 0, -1)):
        wanted = interval(count, present)
        changes += wanted != present
        present = wanted
        assert count / present <= PER_SECOND * 1.25  # never much too often
    assert present == SHORTEST
    assert changes <= 12


class Many:
    """A scheduler with so many runs."""

    trouble = ""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    """A visitor's session, with one live run in it."""
    found = Session("ada", Many(1))
    found.runs.add("Adam", RECIPES["adam"], 0, training="run-1")
    monkeypatch.setattr(polling.visit, "session", lambda: found)
    return found


def is_stale(session: Session) -> bool:
    return session.stale or session.polled != polling.wanted()


def test_a_page_needs_a_full_run_when_a_run_of_its_own_begins_or_ends(session: Session) -> None:
    assert is_stale(session)  # the very first
    assert polling.set_up().panel == pytest.approx(SHORTEST, rel=polling.SPREAD)
    assert not is_stale(session)
    other = session.runs.add("Deep", RECIPES["deep"], 0, training="run-2")
    assert is_stale(session)
    polling.set_up()
    for run in session.runs:
        run.training = None
    assert is_stale(session)
    assert polling.set_up() == (None, None)
    session.scheduler = Many(30)  # what others train does not concern a page without runs
    assert not is_stale(session)
    session.delete(other)
    assert is_stale(session)


def test_a_page_needs_a_full_run_when_far_more_or_fewer_train_than_its_interval_is_for(
    session: Session,
) -> None:
    session.scheduler = Many(20)
    polling.set_up()
    for count, stale in ((21, False), (16, False), (40, True), (4, True)):
        session.scheduler = Many(count)
        assert is_stale(session) is stale


def test_a_part_of_the_page_is_drawn_while_no_other_is() -> None:
    alone: list[bool] = []
    polling.in_turn(lambda: alone.append(polling._turn.locked()))()
    assert alone == [True]
    assert not polling._turn.locked()


def test_a_part_that_cannot_be_drawn_gives_its_turn_on() -> None:
    def draw() -> None:
        raise ValueError("not to be drawn")

    with pytest.raises(ValueError, match="not to be drawn"):
        polling.in_turn(draw)()
    assert not polling._turn.locked()


def test_who_has_waited_long_enough_draws_out_of_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "PATIENCE", 0.01)
    drawn: list[str] = []
    with polling._turn:
        polling.in_turn(lambda: drawn.append("late"))()
        assert drawn == ["late"]
        assert polling._turn.locked()  # the other still has its turn


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(polling, "time", found)
    monkeypatch.setattr("ui.session.time", found)
    return found


def waited(clock: Clock) -> float:
    """How long a part of the page waited before it was drawn."""
    began = clock.now
    polling.in_turn(lambda: None)()
    return clock.now - began


def test_while_the_pen_moves_an_update_waits(session: Session, clock: Clock) -> None:
    assert waited(clock) == 0
    session.slate.pen_moves()
    assert waited(clock) == pytest.approx(0.3, abs=2 * polling.PEN_LOOKS)
    session.slate.pen_moves()
    session.slate.pen_lifted()
    assert waited(clock) == 0


def test_a_long_stroke_is_not_waited_for_to_its_end(
    session: Session, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.session.PEN_SECONDS", 60.0)
    session.slate.pen_moves()
    assert waited(clock) == pytest.approx(polling.PEN_PATIENCE, abs=2 * polling.PEN_LOOKS)
    session.slate.pen_moves()
    assert waited(clock) == 0  # neither does the page's other part


def test_a_stroke_that_came_is_shown_though_the_next_one_is_drawn(
    session: Session, clock: Clock
) -> None:
    session.slate.pen_moves()
    session.slate.stroke_came()
    session.slate.pen_moves()
    assert waited(clock) == 0


def test_a_full_run_waits_to_be_sent_while_anybody_trains(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    monkeypatch.setattr(polling.time, "sleep", naps.append)
    session.scheduler = Many(0)
    polling.wait_until_sent()
    assert naps == []
    session.scheduler = Many(1)
    polling.wait_until_sent()
    assert naps == [polling.SENT]


def test_the_first_full_run_after_the_last_poll_waits_to_be_sent(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    monkeypatch.setattr(polling.time, "sleep", naps.append)
    polling.set_up()
    session.scheduler = Many(0)
    for run in session.runs:
        run.training = None
    polling.set_up()
    polling.wait_until_sent()  # until this run has come, the browser goes on to poll
    assert naps == [polling.SENT]
    polling.set_up()
    polling.wait_until_sent()
    assert naps == [polling.SENT]
