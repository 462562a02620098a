from __future__ import annotations

import numpy as np
import pytest

from nn.optimizers import OPTIMIZERS, Adam, AdamW, GradientDescent, Momentum, Nesterov, RMSprop

W, G = [1.0, -2.0], [0.5, 0.1]


def after_two_steps(optimizer: type[GradientDescent], **options: float) -> np.ndarray:
    """The parameters after two steps of 0.1 along the same gradient."""
    params, grads = np.array(W), np.array(G)
    steps = optimizer(params, grads, **options)
    for _ in range(2):
        grads[...] = G
        steps.step(0.1)
    return params


@pytest.mark.parametrize(
    ("optimizer", "options", "expected"),
    [
        # w - 2 · 0.1 g
        (GradientDescent, {}, [0.9, -2.02]),
        # w - 0.1 (g + 1.9 g)
        (Momentum, {"momentum": 0.9}, [0.855, -2.029]),
        # w - 0.1 (1.9 g + (1 + 0.9 · 1.9) g)
        (Nesterov, {"momentum": 0.9}, [0.7695, -2.0461]),
        # s = 0.75 g², then 0.9375 g²: w - 0.1 (1 / √0.75 + 1 / √0.9375), whatever g's size
        (RMSprop, {"smoothing": 0.25, "epsilon": 0.0}, [0.78125034, -2.21874966]),
        # equal gradients make m̂ / √v̂ = 1: w - 2 · 0.1
        (Adam, {"epsilon": 0.0}, [0.8, -2.2]),
        # (w (1 - 0.1 · 0.5) - 0.1) (1 - 0.1 · 0.5) - 0.1
        (AdamW, {"epsilon": 0.0, "weight_decay": 0.5}, [0.7075, -2.0]),
        # g + 0.5 w = 1 and -0.9: 0.9 and -1.91; then 0.95 and -0.855
        (GradientDescent, {"weight_decay": 0.5}, [0.805, -1.8245]),
    ],
)
def test_two_steps_worked_by_hand(
    optimizer: type[GradientDescent], options: dict[str, float], expected: list[float]
) -> None:
    np.testing.assert_allclose(after_two_steps(optimizer, **options), expected, atol=1e-8)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_float32_stays_float32_and_follows_float64(kind: str, rng: np.random.Generator) -> None:
    start, gradients = rng.standard_normal(50), rng.standard_normal((20, 50))
    ends = {}
    for dtype in (np.float32, np.float64):
        params, grads = start.astype(dtype), np.zeros(50, dtype)
        optimizer = OPTIMIZERS[kind](params, grads, weight_decay=0.01)
        for gradient in gradients:
            grads[...] = gradient
            optimizer.step(0.01)
        assert all(array.dtype == dtype for array in optimizer.state.values())
        ends[dtype] = params
    np.testing.assert_allclose(ends[np.float32], ends[np.float64], atol=2e-6)
