"""How often pages look: all together about as often, however many train."""

from __future__ import annotations

import pytest

from ui.polls import A_SECOND, SHORTEST, interval


def test_few_trainings_are_looked_at_as_often_as_can_be() -> None:
    assert [interval(count) for count in (0, 1, 4)] == [SHORTEST] * 3


@pytest.mark.parametrize("count", [12, 20, 40])
def test_more_trainings_are_looked_at_less_often_so_that_the_server_answers_as_many(
    count: int,
) -> None:
    assert count / interval(count) == pytest.approx(A_SECOND)


def test_one_more_or_one_less_changes_nothing() -> None:
    settled = interval(20)
    assert interval(21, settled) == interval(19, settled) == settled


def test_as_visitors_come_and_go_the_interval_changes_a_few_times_only() -> None:
    present, changes = interval(1), 0
    for count in (*range(1, 41), *range(40, 0, -1)):
        wanted = interval(count, present)
        changes += wanted != present
        present = wanted
        assert count / present <= A_SECOND * 1.25  # never much too often
    assert present == SHORTEST
    assert changes <= 12
