"""The network's arithmetic beside PyTorch's, in float64; skipped where PyTorch is not installed."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from nn import Network, Recipe
from nn.convolution import Convolution, Flatten, MaxPooling, Unflatten
from nn.layers import BatchNorm, Dense, LeakyReLU, ReLU, Tanh
from nn.network import convolutions, sample_shapes
from nn.optimizers import OPTIMIZERS
from tests.helpers import cross_entropy

STEPS, SAMPLES, WIDTH = 20, 16, 12
IMAGE = (2, 9, 10)  # channels, height, width
TOLERANCE = 1e-8  # the requirement is 1e-5; Adam divides rounding errors by small numbers


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    """PyTorch, if it is installed."""
    return pytest.importorskip(
        "torch", reason="needs PyTorch: python -m pip install -r requirements-reference.txt"
    )


@pytest.fixture
def batches(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """A different batch for each step."""
    return [
        (rng.standard_normal((SAMPLES, WIDTH)), rng.integers(0, 10, SAMPLES)) for _ in range(STEPS)
    ]


def module_of(torch: ModuleType, network: Network) -> Any:
    """The same network in PyTorch, with the same parameters and statistics."""
    make = {
        "dense": lambda layer: torch.nn.Linear(layer.inputs, layer.outputs, bias=layer.bias),
        "batch_norm": lambda layer: torch.nn.BatchNorm1d(layer.units),
        "leaky_relu": lambda layer: torch.nn.LeakyReLU(layer.slope),
        "relu": lambda layer: torch.nn.ReLU(),
        "tanh": lambda layer: torch.nn.Tanh(),
        "unflatten": lambda it: torch.nn.Unflatten(1, (it.channels, it.height, it.width)),
        "convolution": lambda it: torch.nn.Conv2d(
            it.channels, it.filters, it.kernel_size, padding=it.padding, bias=it.bias
        ),
        "max_pooling": lambda layer: torch.nn.MaxPool2d(layer.size),
        "flatten": lambda layer: torch.nn.Flatten(),
    }
    of_images = {"batch_norm": lambda layer: torch.nn.BatchNorm2d(layer.units)}
    modules = []
    for layer, shape in zip(network.layers, sample_shapes(network.layers), strict=False):
        known = {**make, **of_images} if len(shape) == 3 else make
        modules.append(known[layer.kind](layer))
    module = torch.nn.Sequential(*modules).double()
    module.load_state_dict(
        {name: torch.from_numpy(array.copy()) for name, array in state_of(network).items()},
        strict=False,  # PyTorch also counts batches
    )
    return module


def state_of(network: Network) -> dict[str, np.ndarray]:
    """Parameters and statistics under PyTorch's names and in its shapes."""
    names = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias"}
    state = {}
    for key, array in network.arrays().items():
        index, _, name = key.split(".")
        state[f"{index}.{names.get(name, name)}"] = array.T if array.ndim == 2 else array
    return state


def optimizer_of(torch: ModuleType, recipe: Recipe, parameters: Any) -> Any:
    """PyTorch's optimizer of a recipe."""
    options = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    sgd = {"gd": {}, "momentum": {"momentum": 0.9}, "nesterov": {"momentum": 0.9, "nesterov": True}}
    if recipe.optimizer in sgd:
        return torch.optim.SGD(parameters, **options, **sgd[recipe.optimizer])
    named = {"rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"}[recipe.optimizer]
    return getattr(torch.optim, named)(parameters, **options)


def assert_twenty_steps_agree(
    torch: ModuleType,
    network: Network,
    recipe: Recipe,
    batches: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    """Both take every batch once; parameters and statistics agree after every step."""
    module = module_of(torch, network)
    ours = recipe.build_optimizer(network.params, network.grads)
    theirs = optimizer_of(torch, recipe, module.parameters())
    start = network.params.copy()
    for x, labels in batches:
        _, dlogits = cross_entropy(network.forward(x, training=True), labels)
        network.backward(dlogits)
        ours.step(recipe.learning_rate)
        theirs.zero_grad()
        logits = module(torch.from_numpy(x))
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels)).backward()
        theirs.step()
        state = module.state_dict()
        for name, array in state_of(network).items():
            np.testing.assert_allclose(array, state[name], rtol=0, atol=TOLERANCE, err_msg=name)
    assert np.abs(network.params - start).max() > 1e-3  # they went somewhere


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_twenty_steps_of_every_optimizer_equal_pytorch(
    torch: ModuleType,
    optimizer: str,
    weight_decay: float,
    batches: list[tuple[np.ndarray, np.ndarray]],
    rng: np.random.Generator,
) -> None:
    layers = [Dense(WIDTH, 9), LeakyReLU(0.004), Dense(9, 8), Tanh(), Dense(8, 10)]
    network = Network(layers, dtype=np.float64).initialize(rng=rng)
    rate = 0.1 if optimizer in ("gd", "momentum", "nesterov") else 0.003
    recipe = Recipe(optimizer=optimizer, learning_rate=rate, weight_decay=weight_decay)
    assert_twenty_steps_agree(torch, network, recipe, batches)


# A bias before a normalisation has no gradient but rounding errors, which AdamW would make full
# steps of; so only gradient descent is compared with one.
@pytest.mark.parametrize(
    ("optimizer", "bias"), [("gd", True), ("momentum", False), ("adamw", False)]
)
def test_twenty_steps_of_batch_normalisation_equal_pytorch(
    torch: ModuleType,
    optimizer: str,
    bias: bool,
    batches: list[tuple[np.ndarray, np.ndarray]],
    rng: np.random.Generator,
) -> None:
    layers = [Dense(WIDTH, 9, bias=bias), BatchNorm(9), LeakyReLU(0.004)]
    layers += [Dense(9, 8, bias=bias), BatchNorm(8), ReLU(), Dense(8, 10)]
    network = Network(layers, dtype=np.float64).initialize(rng=rng)
    recipe = Recipe(optimizer=optimizer, learning_rate=0.01, weight_decay=0.01)
    assert_twenty_steps_agree(torch, network, recipe, batches)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("kernel_size", [2, 3, 5])
def test_twenty_steps_of_convolutions_equal_pytorch(
    torch: ModuleType, kernel_size: int, batch_norm: bool, rng: np.random.Generator
) -> None:
    leaky = LeakyReLU(0.004)
    layers = convolutions(IMAGE, (4, 6), kernel_size, activation=leaky, batch_norm=batch_norm)
    width = sample_shapes(layers)[-1][0]
    layers = [*layers, Dense(width, 8), ReLU(), Dense(8, 10)]
    network = Network(layers, dtype=np.float64).initialize(rng=rng)
    # Blank paper: many places have the same value, of which pooling takes the first, too.
    x = rng.standard_normal((STEPS, SAMPLES, *IMAGE))
    x[:, :, :, 3:7] = 0.0
    batches = [(images.reshape(SAMPLES, -1), rng.integers(0, 10, SAMPLES)) for images in x]
    recipe = Recipe(optimizer="momentum", learning_rate=0.01)
    assert_twenty_steps_agree(torch, network, recipe, batches)


def test_convolution_and_pooling_equal_pytorch_forwards_and_backwards(
    torch: ModuleType, rng: np.random.Generator
) -> None:
    layers = [Unflatten(*IMAGE), Convolution(2, 5, 3, padding=2), MaxPooling(3), Flatten()]
    layers.append(Dense(sample_shapes(layers)[-1][0], 10))
    network = Network(layers, dtype=np.float64).initialize(rng=rng)
    for layer in layers:
        layer.needs_input_grad = True
    module = module_of(torch, network)
    x, dy = rng.standard_normal((4, network.inputs)), rng.standard_normal((4, 10))
    theirs = torch.from_numpy(x).requires_grad_()
    y = module(theirs)
    np.testing.assert_allclose(network.forward(x), y.detach(), rtol=0, atol=TOLERANCE)
    y.backward(torch.from_numpy(dy))
    dx = dy
    for layer in reversed(layers):
        dx = layer.backward(dx)
    np.testing.assert_allclose(dx, theirs.grad, rtol=0, atol=TOLERANCE)
    grads = dict(module.named_parameters())
    for place, layer in enumerate(layers):
        for name, theirs_of in (("dW", "weight"), ("db", "bias")):
            if layer.shapes:
                found, wanted = getattr(layer, name), grads[f"{place}.{theirs_of}"].grad
                found = found.T if found.ndim == 2 else found
                np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("smoothing", [0.0, 0.15])
def test_loss_and_gradient_equal_pytorch(
    torch: ModuleType, smoothing: float, rng: np.random.Generator
) -> None:
    logits, labels = rng.normal(0.0, 3.0, (SAMPLES, 10)), rng.integers(0, 10, SAMPLES)
    theirs = torch.from_numpy(logits).requires_grad_()
    expected = torch.nn.functional.cross_entropy(
        theirs, torch.from_numpy(labels), label_smoothing=smoothing
    )
    expected.backward()
    loss, gradient = cross_entropy(logits, labels, label_smoothing=smoothing)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, theirs.grad, atol=1e-15)
