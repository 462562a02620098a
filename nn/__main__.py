"""The command line: python -m nn train | evaluate | predict | bench | pen.

Every field of a recipe is an option of `train`. What is refused (a file, a value) ends with one
line on standard error and exit status 2.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from PIL import Image

from . import bench
from .calibration import Calibration, calibrate
from .checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from .console import TrainingReport, duration
from .layers import scaled
from .metrics import Evaluation, evaluate
from .mnist import FILES, DataError, Dataset, load_mnist
from .network import Network
from .number import Number, judge_number, separate
from .pen import contact_sheet, write_digits
from .photo import PhotoError, photo_ink
from .preprocess import Floats, preprocess_ink
from .recipes import RECIPES, Recipe, RecipeError, allowed, find_recipe
from .skeletons import NONDIGITS, NOT_A_DIGIT, SkeletonError, load_skeletons
from .supply import split_validation
from .training import train
from .watch import DivergenceError

REFUSED = 2  # exit status
ONE_THREAD = dict.fromkeys(  # read when NumPy or PyTorch loads, so set before that
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


REFUSALS = (RecipeError, DataError, CheckpointError, PhotoError, SkeletonError, DivergenceError)


class Parser(argparse.ArgumentParser):
    """Refuses a value in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(_refuse(message))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
        return status
    except REFUSALS as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename or 'file'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return _refuse("stopped")


def run_train(options: argparse.Namespace) -> int:
    """Train by a recipe, tell the test accuracy, and save the network where asked to."""
    recipe = _chosen_recipe(options)
    if options.out is not None:
        _check_writable(options.out)
    train_set, test_set = load_mnist()
    rng = np.random.default_rng(options.seed)
    network = recipe.build_network(rng=rng)
    fitting, validation = split_validation(train_set, recipe)
    print(f"{recipe.name}: {_architecture(recipe)}, {len(network.params):,} parameters")
    report = TrainingReport(sys.stdout, recipe.epochs)
    started = time.monotonic()
    last: Evaluation | None = None
    try:
        for progress in train(network, fitting, validation, recipe, rng=rng):
            report.show(progress)
            last = progress.validation or last
    finally:
        report.close()
    seconds = time.monotonic() - started
    if recipe.nondigits and validation is not None:
        network.calibration = _calibrated(network, validation, options.seed)
    result = evaluate(network, test_set)
    print(f"trained in {duration(seconds)}")
    print(_accuracy(result))
    if options.out is None:
        print("not saved; give --out FILE to keep the network")
        return 0
    save_checkpoint(
        options.out,
        network,
        recipe=recipe.to_dict(),
        seed=options.seed,
        train_samples=len(fitting),
        data_md5={name: md5 for name, (md5, _) in FILES.items()},
        validation_accuracy=None if last is None else last.accuracy,
        test_accuracy=result.accuracy,
        numpy=np.__version__,
        machine=platform.machine(),
    )
    print(f"saved {options.out}")
    return 0


def run_evaluate(options: argparse.Namespace) -> int:
    """Tell a checkpoint's accuracy on the test set, and what it mistakes for what."""
    network = load_checkpoint(options.file).network
    _, test_set = load_mnist()
    result = evaluate(network, test_set)
    print(_accuracy(result))
    print("rows are the truth, columns what the network said:")
    print("      " + "".join(f"{digit:6d}" for digit in range(10)))
    for digit, row in enumerate(result.confusion):
        print(f"{digit:6d}" + "".join(f"{count:6d}" for count in row))
    return 0


def run_predict(options: argparse.Namespace) -> int:
    """Tell what a checkpoint reads in each image."""
    network = load_checkpoint(options.file).network
    for path in options.images:
        ink = _ink(path)
        digits = () if ink is None else separate(preprocess_ink(ink))
        print(f"{path}: {_said(judge_number(network, digits))}")
    return 0


def run_pen(options: argparse.Namespace) -> int:
    """Draw a contact sheet of the synthetic pen: a row a style."""
    _check_writable(options.sheet)
    if Image.registered_extensions().get(options.sheet.suffix.lower()) != "PNG":
        raise PhotoError(f"{options.sheet}: expected a name that ends in .png")
    signs = (
        load_skeletons(NONDIGITS, labels=(NOT_A_DIGIT,)) if options.nondigits else load_skeletons()
    )
    sheet = contact_sheet(signs, rng=np.random.default_rng(options.seed))
    sheet.save(options.sheet)
    print(f"saved {options.sheet}: {len(signs)} styles, a row each")
    return 0


def run_bench(options: argparse.Namespace) -> int:
    """Measure speed and memory, on one thread each."""
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        return _run_again("bench", f"--epochs={options.epochs}", f"--samples={options.samples}")
    megabytes = _peak_memory()  # first: this process is still small, see there
    bench.run(options.epochs, options.samples)
    print(f"\npeak memory of a training on all 60,000 digits (deep, 1 epoch): {megabytes}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m nn", description="Train and use a digit-reading network in pure NumPy."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    training = commands.add_parser("train", help="train a network on MNIST by a recipe")
    training.set_defaults(command=run_train)
    training.add_argument("--recipe", default="adam", help=f"one of {', '.join(RECIPES)} (adam)")
    training.add_argument("--seed", type=_seed, default=0, help="random seed, 0 or more (0)")
    training.add_argument("--out", type=Path, help="where to save the network (.npz)")
    fields = training.add_argument_group("recipe fields", "each overrides the recipe's own value")
    for option in dataclasses.fields(Recipe):
        if option.name != "name":
            _add_field(fields, option)

    evaluation = commands.add_parser("evaluate", help="measure a checkpoint on the test set")
    evaluation.set_defaults(command=run_evaluate)
    evaluation.add_argument("file", type=Path, help="checkpoint (.npz)")

    prediction = commands.add_parser("predict", help="read digits from images")
    prediction.set_defaults(command=run_predict)
    prediction.add_argument("file", type=Path, help="checkpoint (.npz)")
    prediction.add_argument("images", type=Path, nargs="+", metavar="IMAGE")

    pen = commands.add_parser("pen", help="draw what the synthetic pen writes")
    pen.set_defaults(command=run_pen)
    pen.add_argument("--sheet", type=Path, required=True, metavar="FILE", help="a picture (.png)")
    pen.add_argument("--seed", type=_seed, default=0, help="random seed, 0 or more (0)")
    pen.add_argument("--nondigits", action="store_true", help="what is no digit, instead")

    benchmark = commands.add_parser("bench", help="measure speed, against others if installed")
    benchmark.set_defaults(command=run_bench)
    benchmark.add_argument("--epochs", type=_between(1, 1000), default=5, help="timed epochs (5)")
    benchmark.add_argument(
        "--samples", type=_between(128, 60_000), default=60_000, help="digits an epoch (60000)"
    )
    return parser


def _add_field(group: Any, option: dataclasses.Field[Any]) -> None:
    flag, rule, kind = f"--{option.name.replace('_', '-')}", option.metadata, type(option.default)
    settings: dict[str, Any] = {"dest": option.name, "default": None}
    if kind is bool:
        group.add_argument(
            flag, action=argparse.BooleanOptionalAction, help=rule["help"], **settings
        )
        return
    if "choices" in rule:
        settings["choices"] = rule["choices"]
        text = rule["help"]
    else:
        text = f"{rule['help']}, {allowed(rule)}"
    if option.name == "hidden":
        settings.update(nargs="*", metavar="UNITS")
    convert = {"hidden": int, "batch_size": _batch_size}.get(option.name, kind)
    group.add_argument(flag, type=convert, help=text.replace("%", "%%"), **settings)


def _chosen_recipe(options: argparse.Namespace) -> Recipe:
    recipe = find_recipe(options.recipe)
    chosen = {
        option.name: getattr(options, option.name)
        for option in dataclasses.fields(Recipe)
        if getattr(options, option.name, None) is not None
    }
    if chosen.get("batch_size") == 0:
        chosen["batch_size"] = None  # 'full'
    return recipe.replace(**chosen)


def _batch_size(text: str) -> int:
    """A number of samples; 0 stands for 'full', which argparse could not tell from no answer."""
    if text == "full":
        return 0
    size = int(text)
    if size < 1:
        raise argparse.ArgumentTypeError(f"expected 'full' or 1 sample and more, got {text}")
    return size


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of 0 or more, got {text}")
    return int(text)


def _between(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isdecimal() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"expected from {low:,} to {high:,}, got {text}")
        return int(text)

    return number


def _run_again(*arguments: str, quiet: bool = False) -> int:
    """Run this program in a process of its own, on one thread; returns its exit status."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "nn", *arguments],
        cwd=Path(__file__).parents[1],
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.DEVNULL if quiet else None,
        check=False,
    ).returncode


def _peak_memory() -> str:
    """The largest resident memory of a training in a process of its own.

    A child's figure starts at its parent's, from which it was forked: the parent must be small.
    """
    try:
        import resource
    except ImportError:
        return "not measured, as this system does not tell"
    if _run_again("train", "--recipe=deep", "--epochs=1", "--validation=0", quiet=True) != 0:
        return "not measured, as the training failed"
    unit = 1 if sys.platform == "darwin" else 1024  # bytes, or kilobytes
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    return f"{peak / 1e6:.0f} MB"


def _calibrated(network: Network, validation: Dataset, seed: int) -> Calibration:
    """Fitted on the validation digits and as many of the pen that no training has seen."""
    written = write_digits(len(validation), rng=np.random.default_rng([seed, 1]))
    images = np.concatenate([validation.images, written.images])
    labels = np.concatenate([validation.labels, written.labels])
    x = scaled(images, out=np.empty(images.shape, np.float32))
    return calibrate(network.predict_proba(x), labels)


def _check_writable(path: Path) -> None:
    """Refuse, before the work is done, a file that cannot be written after it."""
    if not path.absolute().parent.is_dir():
        raise CheckpointError(f"{path}: there is no folder to write it to")
    if path.is_dir():
        raise CheckpointError(f"{path}: expected a file to write to, found a folder")


def _ink(path: Path) -> Floats | None:
    """The ink in an image file; raises PhotoError, with the file's name, where it is no image."""
    try:
        bomb = Image.DecompressionBombWarning  # the size is checked there
        with warnings.catch_warnings(action="ignore", category=bomb):
            return photo_ink(path.read_bytes())
    except PhotoError as error:
        raise PhotoError(f"{path}: {error}") from None


def _said(number: Number) -> str:
    """A number in words."""
    if len(number.readings) > 1:
        if number.digits is None:
            return "no number: a mark in it is no digit"
        doubts = [
            f"{reading.digit} may be {reading.runner_up}"
            for reading in number.readings
            if reading.runner_up is not None
        ]
        said = f"{number.digits} ({number.confidence:.0%})"
        return f"not sure: {said}, {', '.join(doubts)}" if doubts else said
    reading = number.readings[0]
    if reading.digit is None:
        return "no digit: blank" if reading.blank else "no digit: it does not look like one"
    if reading.runner_up is not None:
        return f"not sure: {reading.digit} or {reading.runner_up}? ({reading.confidence:.0%})"
    return f"{reading.digit} ({reading.confidence:.0%})"


def _architecture(recipe: Recipe) -> str:
    return "-".join(str(width) for width in (784, *recipe.hidden, 10))


def _accuracy(result: Evaluation) -> str:
    return f"test accuracy {result.accuracy:.4f} ({result.errors} errors of {result.samples})"


def _refuse(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return REFUSED


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
