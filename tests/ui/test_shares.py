from __future__ import annotations

import pytest

from ui.shares import LATELY, Account


def work(accounts: list[Account], turns: int, *, now: float = 0.0, slice_: float = 0.01) -> float:
    for turn in range(turns):
        now += slice_
        accounts[turn % len(accounts)].charge(slice_, now)
    return now


@pytest.mark.parametrize("learners", [1, 2, 5, 20])
def test_learners_in_turn_have_equal_shares_from_early_on(learners: int) -> None:
    accounts = [Account(0.0) for _ in range(learners)]
    for rounds in (100, 1000):
        now = work(accounts, rounds * learners, now=0.0)
        for account in accounts:
            assert account.share(now) == pytest.approx(1 / learners, rel=0.05)
        accounts = [Account(0.0) for _ in range(learners)]


def test_a_share_follows_who_joins_and_who_rests() -> None:
    first, second = Account(0.0), Account(5.0)
    now = work([first], 500)
    assert first.share(now) == pytest.approx(1.0)
    now = work([first, second], 1000, now=now)
    assert first.share(now) == pytest.approx(0.5, abs=0.03)
    assert second.share(now) == pytest.approx(0.5, abs=0.03)
    assert second.share(now + 3 * LATELY) < 0.03
    assert first.seconds == pytest.approx(10.0)
    assert second.seconds == pytest.approx(5.0)


def test_one_who_works_a_tenth_of_the_time_has_a_tenth() -> None:
    account, now = Account(0.0), 0.0
    for _ in range(100):
        now += 0.1
        account.charge(0.01, now)
    assert account.share(now) == pytest.approx(0.1, rel=0.1)


def test_before_any_work_there_is_no_share() -> None:
    assert Account(1.0).share(1.0) == 0.0
    assert Account(1.0).share(2.0) == 0.0
