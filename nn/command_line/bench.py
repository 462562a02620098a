"""Benchmarks: how fast this network trains, as ratios that hold on other machines.

Each of these trains for one epoch in turn, so that a slow moment of the machine slows all of them:

    ours            `training.train`, without a validation set
    PyTorch         eager, the same layers, fused Adam; the images are scaled once and batches are
                    taken by a permutation; the loss is never fetched
    scikit-learn    MLPClassifier.partial_fit, the same widths, Adam, ReLU, no penalty; only for the
                    first shape, as it has no batch normalisation, dropout or convolution
    original        the algorithm of the script that this project started from, in plain float64
                    NumPy: one-hot vectors, one step per epoch on all digits; first shape only
    bare products   only the matrix products of an epoch, float32 into existing memory: forward, dW,
                    and dx for all but the first layer; of a convolution those with its patches. No
                    training by matrix products can be faster.

Times are CPU times of the process, medians over the epochs after an untimed first one. BLAS and
PyTorch must be limited to one thread *before* they are loaded: `python -m nn bench` does so. A
ratio is the median of the ratios within each round.

Then the CPU time in which a fixed recipe first reads 94.63 % of the test set, which the original
reaches after its 400 epochs. The clock stops while the test set is read, every 50 steps.

References that are not installed are left out. Out of scope: memory (main.py).
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nn.convolution import Convolution
from nn.layers import Array, Dense
from nn.metrics import evaluate
from nn.mnist import CLASSES, PIXELS, SIDE, Dataset, load_mnist
from nn.network import sample_shapes
from nn.recipes import RECIPES, Recipe
from nn.training import train

Epoch: TypeAlias = Callable[[], object]  # trains, or multiplies, for one epoch

MARK = 0.9463  # of the test set: the accuracy of the original script ...
ORIGINAL_EPOCHS = 400  # ... after this many epochs
EVALUATION_STEPS = 50  # steps between two evaluations
SEEDS = range(5)  # of the training runs to that accuracy
REFERENCES = {"torch": "PyTorch", "sklearn": "scikit-learn"}

PLAIN = Recipe(name="plain", validation=0)
DEEP = Recipe(name="deep", hidden=(512, 256), batch_norm=True, dropout=0.2, validation=0)
CONVOLUTION = RECIPES["convolution"].replace(schedule="constant", validation=0)
TO_THE_MARK = Recipe(name="to the mark", learning_rate=0.003, epochs=3, validation=0)


def run(rounds: int, samples: int) -> None:
    """Measure and print everything: `rounds` timed epochs of `samples` digits each."""
    train_set, test_set = load_mnist()
    data = train_set[:samples]
    print(machine())
    for module, name in REFERENCES.items():
        if not _installed(module):
            print(f"{name} is not installed and left out")
    plain = compare(PLAIN, data, rounds)
    print(table(PLAIN, "Leaky ReLU", plain, samples))
    deep = compare(DEEP, data, rounds)
    extras = f"Leaky ReLU, batch normalisation, dropout {DEEP.dropout:g}"
    print(table(DEEP, extras, deep, samples))
    convolution = compare(CONVOLUTION, data, rounds)
    print(table(CONVOLUTION, "Leaky ReLU, max pooling", convolution, samples))
    original = statistics.median(plain["original"]) * len(train_set) / samples
    print(race(original, train_set, test_set))


def compare(recipe: Recipe, data: Dataset, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of the epochs of each competitor, by name; they take turns."""
    recipe = recipe.replace(epochs=rounds + 1)
    x: NDArray[np.float32] = data.images.astype(np.float32) / np.float32(255)
    epochs: dict[str, Epoch] = {"ours": ours(recipe, data)}
    if _installed("torch"):
        epochs["PyTorch"] = pytorch(recipe, x, data.labels)
    if recipe == PLAIN.replace(epochs=rounds + 1):
        if _installed("sklearn"):
            epochs["scikit-learn"] = scikit_learn(recipe, x, data.labels)
        epochs["original"] = original(data)
    epochs["bare products"] = bare_products(recipe, len(data))
    seconds: dict[str, list[float]] = {name: [] for name in epochs}
    for number in range(rounds + 1):
        for name, epoch in epochs.items():
            started = time.process_time()
            epoch()
            if number > 0:
                seconds[name].append(time.process_time() - started)
    return seconds


def ours(recipe: Recipe, data: Dataset) -> Epoch:
    """This package's own training."""
    rng = np.random.default_rng(0)
    network = recipe.build_network(rng=rng)
    progress = train(network, data, None, recipe, rng=rng)

    def epoch() -> None:
        while not next(progress).epoch_end:
            pass

    return epoch


def pytorch(recipe: Recipe, x: NDArray[np.float32], labels: NDArray[np.uint8]) -> Epoch:
    """The same in eager PyTorch, in a plain loop."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    make: dict[str, Callable[[Any], Any]] = {
        "dense": lambda layer: torch.nn.Linear(layer.inputs, layer.outputs, bias=layer.bias),
        "batch_norm": lambda layer: torch.nn.BatchNorm1d(layer.units),
        "leaky_relu": lambda layer: torch.nn.LeakyReLU(layer.slope),
        "dropout": lambda layer: torch.nn.Dropout(layer.rate),
        "unflatten": lambda layer: torch.nn.Unflatten(1, (1, SIDE, SIDE)),
        "convolution": lambda layer: torch.nn.Conv2d(
            layer.channels, layer.filters, layer.kernel_size, padding=layer.padding
        ),
        "max_pooling": lambda layer: torch.nn.MaxPool2d(layer.size),
        "flatten": lambda layer: torch.nn.Flatten(),
    }
    network = torch.nn.Sequential(*(make[layer.kind](layer) for layer in recipe.layers()))
    cross_entropy = torch.nn.CrossEntropyLoss()
    adam = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
    images, targets = torch.from_numpy(x), torch.from_numpy(labels.astype(np.int64))

    def epoch() -> None:
        for rows in torch.randperm(len(images)).split(recipe.batch_size):
            batch, truth = images.index_select(0, rows), targets.index_select(0, rows)
            adam.zero_grad()
            cross_entropy(network(batch), truth).backward()
            adam.step()

    return epoch


def scikit_learn(recipe: Recipe, x: NDArray[np.float32], labels: NDArray[np.uint8]) -> Epoch:
    """The same in scikit-learn, with ReLU, as it has no Leaky ReLU."""
    model = importlib.import_module("sklearn.neural_network").MLPClassifier(
        hidden_layer_sizes=recipe.hidden,
        solver="adam",
        alpha=0.0,
        batch_size=recipe.batch_size,
        learning_rate_init=recipe.learning_rate,
        random_state=0,
    )
    return lambda: model.partial_fit(x, labels, classes=np.arange(CLASSES))


def original(data: Dataset) -> Epoch:
    """The original script: one step per epoch on all digits, in float64."""
    rng = np.random.default_rng(0)
    x, one_hot = data.images / 255.0, np.eye(CLASSES)[data.labels]  # (n, 784), (n, 10)
    n, hidden, slope, rate = len(x), 128, 0.004, 0.3
    W1 = rng.standard_normal((PIXELS, hidden)) * np.sqrt(2.0 / PIXELS)
    W2 = rng.standard_normal((hidden, CLASSES)) * np.sqrt(2.0 / hidden)
    b1, b2 = np.zeros(hidden), np.zeros(CLASSES)

    def epoch() -> float:
        nonlocal W1, b1, W2, b2
        z1 = x @ W1 + b1  # (n, 128)
        a1 = np.where(z1 > 0, z1, slope * z1)
        z2 = a1 @ W2 + b2  # (n, 10)
        e = np.exp(z2 - z2.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        loss = -np.mean(np.sum(one_hot * np.log(p + 1e-8), axis=1))
        dz2 = (p - one_hot) / n
        dz1 = (dz2 @ W2.T) * np.where(z1 > 0, 1.0, slope)
        W2, b2 = W2 - rate * (a1.T @ dz2), b2 - rate * dz2.sum(axis=0)
        W1, b1 = W1 - rate * (x.T @ dz1), b1 - rate * dz1.sum(axis=0)
        return float(loss)

    return epoch


def bare_products(recipe: Recipe, samples: int) -> Epoch:
    """Only the matrix products of an epoch."""
    size = recipe.batch_size or samples
    chunk = recipe.build_network(rng=np.random.default_rng(0)).chunk
    batches = [min(size, samples - first) for first in range(0, samples, size)]
    chunks = [len(part) for n in batches for part in np.array_split(range(n), -(-n // chunk))]
    products = {n: _products(recipe, n) for n in set(chunks)}

    def epoch() -> None:
        for n in chunks:
            for left, right, out in products[n]:
                np.matmul(left, right, out=out)

    return epoch


def _products(recipe: Recipe, n: int) -> list[tuple[Array, Array, Array]]:
    """The factors of each product for n samples, with memory for the result."""
    rng, layers, products = np.random.default_rng(0), recipe.layers(), []
    for layer, shape in zip(layers, sample_shapes(layers), strict=False):
        if isinstance(layer, Convolution):  # W P, dy Pᵀ, Wᵀ dy
            places = n * math.prod(layer.output_shape(shape)[1:])
            sizes = layer.filters, layer.channels * layer.kernel_size**2, places
        elif isinstance(layer, Dense):  # x W, dy Wᵀ, xᵀ dy
            sizes = n, layer.inputs, layer.outputs
        else:
            continue
        a, b, c = (rng.random(shape, np.float32) for shape in (sizes[:2], sizes[1:], sizes[::2]))
        products += [(a, b, c), (c, b.T, a.copy()), (a.T, c, b.copy())]
        if len(products) == 3:  # without dx of the first layer
            del products[2 if isinstance(layer, Convolution) else 1]
    return products


def table(recipe: Recipe, extras: str, seconds: Mapping[str, list[float]], samples: int) -> str:
    """The median epoch of each competitor, and two ratios."""
    lines = [
        f"\n{recipe.sizes}, {extras}; Adam, batches of {recipe.batch_size}",
        f"medians of {len(seconds['ours'])} epochs of {samples:,} digits, CPU time of one thread",
        f"{'':16}{'ms per epoch':>13}{'ours / it':>12}{'it / bare':>12}",
    ]
    for name, times in seconds.items():
        milliseconds = 1000 * statistics.median(times)
        lines.append(
            f"{name:16}{milliseconds:13.0f}{_ratio(seconds['ours'], times):12.2f}"
            f"{_ratio(times, seconds['bare products']):12.2f}"
        )
    return "\n".join(lines)


def race(original_epoch: float, train_set: Dataset, test_set: Dataset) -> str:
    """The CPU time to an accuracy of 94.63 %, given the original's seconds per epoch."""
    runs = [seconds_to_mark(train_set, test_set, seed) for seed in SEEDS]
    seconds, steps = (statistics.median(values) for values in zip(*runs, strict=True))
    needed = ORIGINAL_EPOCHS * original_epoch
    return (
        f"\nto {MARK:.2%} of the test set\n"
        f"original        {needed:10.3f} s   {ORIGINAL_EPOCHS} epochs at {original_epoch:.3f} s\n"
        f"ours            {seconds:10.3f} s   Adam, learning rate {TO_THE_MARK.learning_rate:g}, "
        f"{steps:.0f} steps; median of {len(SEEDS)} seeds\n"
        f"                {needed / seconds:10,.0f} times less"
    )


def seconds_to_mark(train_set: Dataset, test_set: Dataset, seed: int) -> tuple[float, int]:
    """CPU seconds and steps until an evaluation first gives 94.63 % or more."""
    clock = -time.process_time()
    rng = np.random.default_rng(seed)
    network = TO_THE_MARK.build_network(rng=rng)
    for progress in train(network, train_set, None, TO_THE_MARK, rng=rng):
        if progress.step == 0 or progress.step % EVALUATION_STEPS:
            continue
        clock += time.process_time()
        if evaluate(network, test_set).accuracy >= MARK:
            return clock, progress.step
        clock -= time.process_time()
    raise RuntimeError(f"expected {MARK:.2%} within {TO_THE_MARK.epochs} epochs, got less")


def machine() -> str:
    """Processor, and the versions of what is measured."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    parts = [
        f"{_processor()}, {os.cpu_count()} cores",
        f"Python {platform.python_version()}",
        f"NumPy {np.__version__} with {blas['name']} {blas.get('version', '')} ({_kernel()})",
        *(
            f"{name} {importlib.import_module(module).__version__}"
            for module, name in REFERENCES.items()
            if _installed(module)
        ),
    ]
    return "; ".join(parts)


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _kernel() -> str:
    """The BLAS kernel in use, and its number of threads."""
    if not _installed("threadpoolctl"):
        return "kernel unknown: threadpoolctl is not installed"
    for pool in importlib.import_module("threadpoolctl").threadpool_info():
        if pool["user_api"] == "blas" and "numpy" in pool["filepath"]:
            return f"{pool.get('architecture', 'unknown')} kernel, threads: {pool['num_threads']}"
    return "kernel unknown"


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _ratio(times: list[float], others: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(times, others, strict=True))
