"""Recipes: named settings of a training run. Everything but the data and the random seed.

A recipe checks its values as it is made, each by the rule beside its field; the command line
builds its options from the same rules.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .errors import RefusalError
from .layers import Array, Layer, LeakyReLU
from .mnist import CLASSES, PIXELS, SIDE
from .network import (
    ACTIVATIONS,
    Network,
    convolution_values,
    convolutions,
    multilayer_perceptron,
    sample_shapes,
)
from .optimizers import OPTIMIZERS, SCHEDULES, GradientDescent

# What may change during a training run.
LIVE_FIELDS = frozenset({"learning_rate", "dropout", "batch_size", "optimizer", "momentum"})
# The limits of a network, for recipes and checkpoints.
MAX_HIDDEN_LAYERS = 8
MAX_UNITS = 4096  # per layer
MAX_CONVOLUTIONS = 4  # each halves the image's height and width
MAX_FILTERS = 64  # per layer
MAX_KERNEL_SIZE = 11
MAX_CONVOLUTION_VALUES = 2**18  # that a convolution holds per image: a megabyte
MAX_SEED = 2**53 - 1  # the largest whole number that JSON and a browser hold exactly


class RecipeError(RefusalError):
    """A recipe's field is out of range, or contradicts another."""


SHARE = {"low": 0.0, "high": 1.0, "below": True}  # a rule: from 0 to below 1


def _setting(default: Any, meaning: str, **rule: Any) -> Any:
    """A field with its rule: `choices`, or `low` and `high`, included unless `above` or `below`."""
    return dataclasses.field(default=default, metadata={"help": meaning, **rule})


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run; each field is described beside it.

    Raises
    ------
    RecipeError
        A field is out of its range, or two fields contradict each other.
    """

    name: str = _setting("custom", "what the recipe is called")
    filters: tuple[int, ...] = _setting(
        (), "filters per convolution", low=1, high=MAX_FILTERS, layers=MAX_CONVOLUTIONS
    )
    kernel_size: int = _setting(5, "height and width of a filter", low=1, high=MAX_KERNEL_SIZE)
    hidden: tuple[int, ...] = _setting(
        (128,), "hidden units per layer", low=1, high=MAX_UNITS, layers=MAX_HIDDEN_LAYERS
    )
    activation: str = _setting("leaky_relu", "activation function", choices=tuple(ACTIVATIONS))
    leak: float = _setting(0.004, "Leaky ReLU's slope below zero", **SHARE)
    batch_norm: bool = _setting(False, "batch normalisation of each hidden layer")
    dropout: float = _setting(0.0, "share of hidden units dropped in training", **SHARE)
    optimizer: str = _setting("adam", "the optimizer", choices=tuple(OPTIMIZERS))
    learning_rate: float = _setting(0.001, "step size", low=0.0, above=True, high=1e6)
    momentum: float = _setting(0.9, "share of velocity kept by momentum and nesterov", **SHARE)
    schedule: str = _setting("constant", "learning rate schedule", choices=tuple(SCHEDULES))
    warmup: float = _setting(0.0, "epochs of linear warm-up, may be a fraction", low=0.0, high=1e6)
    batch_size: int | None = _setting(128, "samples per step, or 'full'", low=1, high=1_000_000)
    epochs: int = _setting(10, "passes over the training set", low=1, high=10_000)
    patience: int = _setting(
        0,
        "stop after so many epochs without a better validation accuracy, and keep the best; "
        "0 means never",
        low=0,
        high=10_000,
    )
    weight_decay: float = _setting(0.0, "L2 penalty; decoupled with adamw", low=0.0, high=1.0)
    label_smoothing: float = _setting(0.0, "share of the target spread evenly", **SHARE)
    loss_epsilon: float = _setting(0.0, "added to p in the loss's log(p)", low=0.0, high=0.001)
    clip_norm: float = _setting(0.0, "largest gradient norm; 0 means no limit", low=0.0, high=1e6)
    weight_average: float = _setting(
        0.0, "share kept per step by the average of weights that predicts; 0 means none", **SHARE
    )
    augment: float = _setting(0.0, "strength of random distortion", low=0.0, high=3.0)
    pen: float = _setting(0.0, "synthetic digits per digit of the data set", low=0.0, high=4.0)
    nondigits: float = _setting(0.0, "synthetic non-digits, likewise", low=0.0, high=1.0)
    validation: int = _setting(5000, "samples kept for validation, the last", low=0, high=50_000)
    samples: int = _setting(0, "samples trained on, the first; 0 means all", low=0, high=60_000)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            check_field(field.name, value)
            if isinstance(field.default, float):  # JSON may write 1.0 as 1
                object.__setattr__(self, field.name, float(value))
        object.__setattr__(self, "filters", tuple(self.filters))
        object.__setattr__(self, "hidden", tuple(self.hidden))
        values = convolution_values(self.layers())
        if values > MAX_CONVOLUTION_VALUES:
            raise RecipeError(
                f"filters: expected at most {MAX_CONVOLUTION_VALUES:,} numbers per image in a "
                f"convolution, got {values:,}; use fewer filters or a smaller kernel_size",
                kind="filters",
                limit=MAX_CONVOLUTION_VALUES,
                value=values,
            )
        if self.batch_norm and self.batch_size == 1:
            raise RecipeError(
                "batch_size: expected 2 or more with batch_norm, which needs a batch's variance, "
                "got 1; raise batch_size or leave out batch_norm",
                kind="batch_of_one",
            )
        if self.warmup > self.epochs:
            raise RecipeError(
                f"warmup: expected at most the {self.epochs} epochs of the training run, "
                f"got {self.warmup:g}; lower warmup or raise epochs",
                kind="warmup",
                epochs=self.epochs,
                value=self.warmup,
            )
        if self.patience and not self.validation:
            raise no_validation(self.patience)

    def replace(self, /, **changes: Any) -> Recipe:
        """A copy with some fields changed, checked like a new recipe."""
        return self.from_dict({**self.to_dict(), **changes})

    def check_size(self, samples: int) -> None:
        """Raise RecipeError unless a training set of `samples` digits has enough for a batch."""
        if samples < 1:
            raise RecipeError("expected at least one training sample, got none")
        if self.batch_size is not None and self.batch_size > samples:
            raise RecipeError(
                f"batch_size: expected at most the {samples} training samples, "
                f"got {self.batch_size}; lower it, or use 'full'",
                kind="batch_size",
                samples=samples,
                value=self.batch_size,
            )

    def check_live_change(self, changed: Recipe, *, samples: int | None = None) -> None:
        """Raise RecipeError if a training run cannot go on with `changed`.

        Parameters
        ----------
        changed : may differ in LIVE_FIELDS
        samples : size of the training set; None if it is not known yet
        """
        after = changed.to_dict()
        differing = {name for name, value in self.to_dict().items() if after[name] != value}
        if fixed := sorted(differing - LIVE_FIELDS):
            raise RecipeError(
                f"{', '.join(fixed)}: fixed during a training run; only "
                f"{', '.join(sorted(LIVE_FIELDS))} can change",
                kind="fixed",
                fields=fixed,
            )
        if samples is not None:
            changed.check_size(samples)

    @property
    def sizes(self) -> str:
        """The architecture in short: "784-8×5×5-16×5×5-64-10"."""
        filters = [f"{count}×{self.kernel_size}×{self.kernel_size}" for count in self.filters]
        return "-".join(map(str, (PIXELS, *filters, *self.hidden, CLASSES)))

    def layers(self) -> list[Layer]:
        """This recipe's layers, from 784 inputs to 10 outputs; they take no memory yet."""
        leaky = self.activation == LeakyReLU.kind
        activation = LeakyReLU(self.leak) if leaky else ACTIVATIONS[self.activation]()
        image: list[Layer] = []
        features = PIXELS
        if self.filters:
            image = convolutions(
                (1, SIDE, SIDE),
                self.filters,
                self.kernel_size,
                activation=activation,
                batch_norm=self.batch_norm,
            )
            features = sample_shapes(image)[-1][0]
        return image + multilayer_perceptron(
            (features, *self.hidden, CLASSES),
            activation=activation,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
        )

    def build_network(self, *, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Network:
        """A new network of this recipe's architecture, with 784 inputs and 10 outputs."""
        return Network(self.layers(), dtype=dtype).initialize(rng=rng)

    def build_optimizer(self, params: Array, grads: Array) -> GradientDescent:
        """This recipe's optimizer for a network's flat vectors."""
        options: dict[str, float] = {"weight_decay": self.weight_decay}
        if self.optimizer in ("momentum", "nesterov"):
            options["momentum"] = self.momentum
        return OPTIMIZERS[self.optimizer](params, grads, **options)

    def to_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON."""
        lists = {"filters": list(self.filters), "hidden": list(self.hidden)}
        return {**dataclasses.asdict(self), **lists}

    def to_json(self) -> str:
        """All fields as a JSON object."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """A recipe from the fields of `to_dict`; those left out take their defaults.

        Raises RecipeError if a field is unknown, of another type, or out of range.
        """
        if not isinstance(values, Mapping):
            raise RecipeError(f"expected fields of a recipe, got {str(values)[:40]}")
        if unknown := values.keys() - {field.name for field in dataclasses.fields(cls)}:
            names = ", ".join(sorted(map(str, unknown)))
            raise RecipeError(f"expected fields of a recipe, got {names[:200]}")
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """A recipe from the text of `to_json`; raises RecipeError for any other text."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):  # too many digits or brackets
            values = None
        if not isinstance(values, dict):
            raise RecipeError(f"expected a recipe as a JSON object, got {text[:40]!r}")
        return cls.from_dict(values)


def no_validation(patience: int) -> RecipeError:
    """The error of early stopping without a validation set."""
    return RecipeError(
        f"patience: expected 0 without a validation set, got {patience}; use 0, or keep samples "
        "for validation",
        kind="patience",
        value=patience,
    )


def check_field(name: str, value: Any) -> None:
    """Raise RecipeError unless `value` is allowed for the recipe field `name`."""
    field = Recipe.__dataclass_fields__[name]
    rule, kind = field.metadata, type(field.default)
    if name == "batch_size" and value is None:
        return
    if kind is tuple:
        if not isinstance(value, tuple | list) or len(value) > rule["layers"]:
            raise RecipeError(
                f"{name}: expected numbers for up to {rule['layers']} layers, such as 32, 16; "
                f"got {value!r}",
                kind="layers",
                field=name,
                layers=rule["layers"],
                value=value,
            )
        for number in value:
            _check_number(name, number, int, rule)
    elif "choices" in rule:
        if value not in rule["choices"]:
            raise RecipeError(
                f"{name}: expected one of {', '.join(rule['choices'])}; got {value!r}",
                kind="choice",
                field=name,
                choices=rule["choices"],
                value=value,
            )
    elif kind in (int, float):
        _check_number(name, value, kind, rule)
    elif not isinstance(value, kind):
        raise RecipeError(
            f"{name}: expected {kind.__name__}, got {value!r}", kind="type", field=name, value=value
        )


def check_seed(seed: Any) -> int:
    """The seed of a training run; RecipeError unless it is a whole number from 0 to MAX_SEED."""
    _check_number("seed", seed, int, {"low": 0, "high": MAX_SEED})
    return int(seed)


def allowed(rule: Mapping[str, Any]) -> str:
    """A numeric rule in words: "from 1 to 4,096", "from 0 to below 1"."""
    low = f"above {rule['low']:g}" if "above" in rule else f"from {rule['low']:g}"
    return f"{low} to {'below ' if 'below' in rule else ''}{rule['high']:,}"


def _check_number(name: str, value: Any, kind: type, rule: Mapping[str, Any]) -> None:
    low, high = rule["low"], rule["high"]
    fits = (
        isinstance(value, int if kind is int else int | float)
        and not isinstance(value, bool)
        and (value > low if "above" in rule else value >= low)  # both are False for NaN
        and (value < high if "below" in rule else value <= high)
    )
    if not fits:
        ends = "above" if "above" in rule else "below" if "below" in rule else "number"
        raise RecipeError(
            f"{name}: expected {'a whole number' if kind is int else 'a number'} {allowed(rule)}, "
            f"got {value!r:.40}",
            kind="whole" if kind is int else ends,
            field=name,
            low=low,
            high=high,
            value=value,
        )


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        # The script that this project started from.
        Recipe(
            name="original",
            optimizer="gd",
            learning_rate=0.3,
            batch_size=None,
            epochs=400,
            loss_epsilon=1e-8,
            validation=0,
        ),
        # The same network, trained in mini-batches with Adam.
        Recipe(name="adam", epochs=10),
        # What the original lacks: depth, normalisation, regularisation.
        Recipe(
            name="deep",
            hidden=(512, 256),
            batch_norm=True,
            dropout=0.2,
            optimizer="adamw",
            learning_rate=0.002,
            weight_decay=0.01,
            schedule="cosine",
            warmup=1,
            epochs=20,
        ),
        # It looks for the same strokes at every place of the image.
        Recipe(
            name="convolution",
            filters=(8, 16),
            hidden=(64,),
            learning_rate=0.003,
            batch_size=64,
            schedule="cosine",
            epochs=3,
        ),
        # What the page opens with: it also trains on the synthetic pen's styles of handwriting.
        Recipe(
            name="best",
            hidden=(1536, 768),
            batch_norm=True,
            dropout=0.15,
            optimizer="adamw",
            learning_rate=0.002,
            weight_decay=0.02,
            label_smoothing=0.02,
            schedule="cosine",
            warmup=1,
            weight_average=0.995,
            batch_size=256,
            epochs=48,
            augment=1.0,
            pen=1.0,
            nondigits=0.2,
        ),
    )
}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name; for any other name, raises RecipeError with the known ones."""
    if name not in RECIPES:
        raise RecipeError(f"recipe: expected one of {', '.join(RECIPES)}; got {name!r}")
    return RECIPES[name]
