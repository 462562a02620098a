from __future__ import annotations

import math

import pytest

from nn.optimizers import SCHEDULES, schedule_factor


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        *[(0, 0.2), (1, 0.4), (3, 0.8)],  # warm-up: fifths
        *[(4, 1.0), (8, (1 + math.sqrt(0.5)) / 2), (12, 0.5), (16, (1 - math.sqrt(0.5)) / 2)],
    ],
)
def test_cosine_after_warm_up(step: int, expected: float) -> None:
    found = schedule_factor("cosine", step, total_steps=20, warmup_steps=4)
    assert found == pytest.approx(expected, rel=1e-12)


def test_constant_stays_at_one_after_warm_up() -> None:
    found = [schedule_factor("constant", step, total_steps=6, warmup_steps=2) for step in range(6)]
    assert found == pytest.approx([1 / 3, 2 / 3, 1, 1, 1, 1])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0, 3, 10])
def test_no_step_is_without_effect_or_above_the_full_rate(schedule: str, warmup: int) -> None:
    factors = [
        schedule_factor(schedule, step, total_steps=10, warmup_steps=warmup) for step in range(10)
    ]
    assert all(0 < value <= 1 for value in factors)
    assert factors[:warmup] == sorted(factors[:warmup])
