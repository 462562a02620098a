from __future__ import annotations

import pytest

from ui.training.turns import Turns

SLICE = 0.008


def shares_of(costs: dict[str, float], joins: dict[str, float], seconds: float) -> dict[str, float]:
    """Seconds of work of each, once all are there; a piece of work of each takes so long."""
    turns, now, worked = Turns(), 0.0, dict.fromkeys(costs, 0.0)
    everyone = max(joins.values(), default=0.0)
    while now < everyone + seconds:
        name = turns.next([name for name in costs if joins.get(name, 0.0) <= now])
        if name is None:
            now += SLICE
            continue
        spent = max(costs[name], SLICE // costs[name] * costs[name])
        turns.charge(name, spent)
        worked[name] += spent if now >= everyone else 0.0
        now += spent
    return worked


def test_runs_get_equal_times_however_long_their_pieces_of_work_are() -> None:
    costs = {"small": 0.0004, "middle": 0.006, "wide": 0.07, "widest": 0.4}
    worked = shares_of(costs, {}, 40.0)
    assert max(worked.values()) < 1.05 * min(worked.values())


@pytest.mark.parametrize("cost", [0.0003, 0.02])
def test_who_joins_late_gets_as_much_as_the_others_from_then_on(cost: float) -> None:
    joins = {"second": 1.0, "third": 5.0, "fourth": 20.0}
    worked = shares_of(dict.fromkeys(["first", *joins], cost), joins, 2.0)
    assert max(worked.values()) < 1.1 * min(worked.values())


def test_a_rest_is_not_made_up_for_nor_does_it_clear_what_was_overdrawn() -> None:
    turns = Turns()
    assert turns.next(["a", "b"]) == "a"
    turns.charge("a", 1.0)
    assert [turns.next(["b"]) for _ in range(3)] == ["b"] * 3
    turns.charge("b", 0.5)
    assert turns.next(["a", "b"]) == "b"  # a's second is not forgotten
    for _ in range(20):
        turns.charge("b", 0.5)
        turns.next(["b"])
    order = []
    for _ in range(6):
        order.append(str(turns.next(["a", "b"])))
        turns.charge(order[-1], 0.5)
    assert order.count("a") == order.count("b") == 3  # and ten seconds of rest count for nothing


def test_nobody_ready_is_nobody_and_who_is_gone_is_forgotten() -> None:
    turns = Turns()
    assert turns.next([]) is None
    turns.next(["a"])
    turns.charge("a", 5.0)
    turns.forget("a")
    turns.forget("never there")
    assert turns.next(["b", "a"]) == "b"


def test_one_that_went_during_its_turn_harms_nobody() -> None:
    turns = Turns()
    assert turns.next(["a", "b"]) == "a"
    turns.forget("a")
    turns.charge("a", 1.0)
    assert turns.next(["b"]) == "b"
