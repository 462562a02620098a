"""The command line: python -m nn train | evaluate | predict | bench | pen.

Every field of a recipe is an option of `train`. An error about a file or a value is one line on
standard error, with exit status 2.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from PIL import Image

from nn.calibration import Calibration, calibrate
from nn.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from nn.divergence import DivergenceError
from nn.drawing.image_file import PhotoError
from nn.drawing.reading import judge_number
from nn.layers import scaled
from nn.metrics import Evaluation, evaluate
from nn.mnist import FILES, DataError, Dataset, load_mnist
from nn.network import Network
from nn.pen.pen import contact_sheet, write_digits
from nn.pen.skeletons import NONDIGITS, NOT_A_DIGIT, SkeletonError, load_skeletons
from nn.recipes import RECIPES, Recipe, RecipeError, allowed, check_seed, find_recipe
from nn.training import split_validation, train

from . import bench, predict
from .console import TrainingReport, duration

REFUSED = 2  # exit status
ONE_THREAD = dict.fromkeys(  # must be set before NumPy or PyTorch is loaded
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
MEASURED = ("deep", "convolution")  # recipes whose memory is measured
REFUSALS = (RecipeError, DataError, CheckpointError, PhotoError, SkeletonError, DivergenceError)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(_refuse(message))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status.

    Raises BrokenPipeError if the reader of the output, such as `head`, has ended.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
        print(end="", flush=True)  # does nothing without a standard output
        return status
    except REFUSALS as error:
        return _refuse(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _refuse(_reason(error))
    except KeyboardInterrupt:
        return _refuse("stopped")


def run_train(options: argparse.Namespace) -> int:
    """Train by a recipe, print the test accuracy, and save the network if --out is given."""
    recipe = _chosen_recipe(options)
    if options.out is not None:
        _check_writable(options.out)
    train_set, test_set = load_mnist()
    rng = np.random.default_rng(options.seed)
    network = recipe.build_network(rng=rng)
    fitting, validation = split_validation(train_set, recipe)
    print(f"{recipe.name}: {recipe.sizes}, {len(network.params):,} parameters")
    report = TrainingReport(sys.stdout, recipe.epochs)
    started = time.monotonic()
    validated: list[Evaluation] = []  # one per epoch
    try:
        for progress in train(network, fitting, validation, recipe, rng=rng):
            report.show(progress)
            if progress.validation is not None:
                validated.append(progress.validation)
    finally:
        report.close()
    seconds = time.monotonic() - started
    if recipe.nondigits and validation is not None:
        network.calibration = _calibrated(network, validation, options.seed)
    kept = len(validated) - 1  # the epoch, from 0, whose parameters the network has
    if recipe.patience:
        kept = max(range(len(validated)), key=lambda epoch: validated[epoch].accuracy)
        stopped = "stopped early: " if len(validated) < recipe.epochs else ""
        print(f"{stopped}best at epoch {kept + 1}")
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
        validation_accuracy=validated[kept].accuracy if validated else None,
        test_accuracy=result.accuracy,
        numpy=np.__version__,
        machine=platform.machine(),
    )
    print(f"saved {options.out}")
    return 0


def run_evaluate(options: argparse.Namespace) -> int:
    """Print a checkpoint's accuracy and confusion matrix on the test set."""
    network = load_checkpoint(options.file).network
    _, test_set = load_mnist()
    result = evaluate(network, test_set)
    print(_accuracy(result))
    print("rows are the truth, columns the predictions:")
    print("      " + "".join(f"{digit:6d}" for digit in range(10)))
    for digit, row in enumerate(result.confusion):
        print(f"{digit:6d}" + "".join(f"{count:6d}" for count in row))
    return 0


def run_predict(options: argparse.Namespace) -> int:
    """Print what a checkpoint reads in each picture; one that cannot be read does not end it."""
    network = load_checkpoint(options.file).network
    status = 0
    for given in options.images:
        try:
            paths = predict.pictures(given)
        except (PhotoError, OSError) as error:
            paths, status = [], _skip(given, error, options.json)
        for path in paths:
            try:
                found = predict.find_in(path, turns=options.rotate // 90)
            except (PhotoError, OSError) as error:
                status = _skip(path, error, options.json)
                continue
            number = judge_number(network, () if found is None else found.digits)
            if options.json:
                print(json.dumps(predict.in_json(path, found, number)))
            else:
                print(f"{path}: {predict.in_words(found, number)}")
    return status


def run_pen(options: argparse.Namespace) -> int:
    """Draw a contact sheet of the synthetic pen, one row per style."""
    _check_writable(options.sheet)
    if Image.registered_extensions().get(options.sheet.suffix.lower()) != "PNG":
        raise PhotoError(f"{options.sheet}: expected a name that ends in .png")
    signs = (
        load_skeletons(NONDIGITS, labels=(NOT_A_DIGIT,)) if options.nondigits else load_skeletons()
    )
    sheet = contact_sheet(signs, rng=np.random.default_rng(options.seed))
    sheet.save(options.sheet)
    print(f"saved {options.sheet}: {len(signs)} styles, one per row")
    return 0


def run_bench(options: argparse.Namespace) -> int:
    """Measure speed and memory on one thread."""
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        return _run_again("bench", f"--epochs={options.epochs}", f"--samples={options.samples}")
    memory = _peak_memory()  # first, while this process is small
    bench.run(options.epochs, options.samples)
    shapes = " and ".join(MEASURED)
    print(f"\npeak memory of training on all 60,000 digits ({shapes}, 1 epoch each): {memory}")
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
    prediction.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help="picture, or a folder of pictures"
    )
    prediction.add_argument(
        "--rotate",
        type=int,
        choices=(0, 90, 180, 270),
        default=0,
        metavar="DEGREES",
        help="turn each picture clockwise first by 90, 180 or 270 degrees (0)",
    )
    prediction.add_argument("--json", action="store_true", help="a line of JSON for each picture")

    pen = commands.add_parser("pen", help="draw samples of the synthetic pen")
    pen.set_defaults(command=run_pen)
    pen.add_argument("--sheet", type=Path, required=True, metavar="FILE", help="an image (.png)")
    pen.add_argument("--seed", type=_seed, default=0, help="random seed, 0 or more (0)")
    pen.add_argument("--nondigits", action="store_true", help="non-digits instead of digits")

    benchmark = commands.add_parser("bench", help="measure speed, against others if installed")
    benchmark.set_defaults(command=run_bench)
    benchmark.add_argument("--epochs", type=_between(1, 1000), default=5, help="timed epochs (5)")
    benchmark.add_argument(
        "--samples", type=_between(128, 60_000), default=60_000, help="digits per epoch (60000)"
    )
    return parser


def _add_field(group: Any, option: dataclasses.Field[Any]) -> None:
    rule = option.metadata
    kind: type = type(option.default)
    text = rule["help"] if "low" not in rule else f"{rule['help']}, {allowed(rule)}"
    settings: dict[str, Any] = {"dest": option.name, "default": None, "help": text}
    if kind is bool:
        settings["action"] = argparse.BooleanOptionalAction
    else:
        settings["type"] = int if kind is tuple else kind
        settings["choices"] = rule.get("choices")
    if option.name == "batch_size":
        settings["type"] = _batch_size
    if kind is tuple:
        settings.update(nargs="*", metavar=option.name.upper())
    group.add_argument(f"--{option.name.replace('_', '-')}", **settings)


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
    """A number of samples; 0 stands for 'full', as None means that the option is not given."""
    if text == "full":
        return 0
    size = int(text)
    if size < 1:
        raise argparse.ArgumentTypeError(f"expected 'full' or a number from 1, got {text}")
    return size


def _seed(text: str) -> int:
    try:
        return check_seed(int(text) if text.isdecimal() and len(text) < 40 else text)
    except RecipeError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("seed: ")) from None


def _between(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isdecimal() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"expected from {low:,} to {high:,}, got {text}")
        return int(text)

    return number


def _run_again(*arguments: str, quiet: bool = False) -> int:
    """Run this program in another process, on one thread; returns its exit status."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "nn", *arguments],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.DEVNULL if quiet else None,
        check=False,
    ).returncode


def _peak_memory() -> str:
    """The largest resident memory of training in other processes.

    They are forked from this one and count its memory, so this one must be small.
    """
    try:
        import resource
    except ImportError:
        return "not measured on this system"
    for recipe in MEASURED:
        if _run_again("train", f"--recipe={recipe}", "--epochs=1", "--validation=0", quiet=True):
            return "not measured, as training failed"
    unit = 1 if sys.platform == "darwin" else 1024  # bytes, or kilobytes
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    return f"{peak / 1e6:.0f} MB"


def _calibrated(network: Network, validation: Dataset, seed: int) -> Calibration:
    """Fit on the validation digits and as many new digits of the synthetic pen.

    The thresholds are chosen by the former alone: each of the pen's styles is as frequent as the
    others, so that by its digits more letters would pass and more answers would be called unsure.
    """
    written = write_digits(len(validation), rng=np.random.default_rng([seed, 1]))
    images = np.concatenate([validation.images, written.images])
    labels = np.concatenate([validation.labels, written.labels])
    typical = slice(len(validation))
    return calibrate(network.predict_proba(scaled(images)), labels, typical=typical)


def _check_writable(path: Path) -> None:
    """Check before the work that a file can be written after it."""
    if not path.absolute().parent.is_dir():
        raise CheckpointError(f"{path}: there is no folder to write it to")
    if path.is_dir():
        raise CheckpointError(f"{path}: expected a file to write to, found a folder")


def _accuracy(result: Evaluation) -> str:
    return f"test accuracy {result.accuracy:.4f} ({result.errors} errors of {result.samples})"


def _reason(error: Exception) -> str:
    """Why something was refused, with the file's name."""
    if isinstance(error, OSError):
        return f"{error.filename or 'file'}: {error.strerror or error}"
    return str(error)


def _skip(path: Path, error: Exception, as_json: bool) -> int:
    """Tell of a picture that cannot be read, before going on with the next."""
    if as_json:
        print(json.dumps({"file": str(path), "error": _reason(error)}))
    return _refuse(_reason(error))


def _refuse(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return REFUSED
