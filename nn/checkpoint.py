"""Checkpoints: a network in one .npz file, without pickle.

One array a parameter or running statistic, named "layer.kind.name", and `meta`, a JSON text:
format version, architecture, calibration, and what the one who saved it adds (recipe, random
seed, data checksums, accuracies). Reading believes nothing: sizes before memory is taken,
version, names, shapes, dtypes, finite values; the error says which one is wrong.
"""

from __future__ import annotations

import json
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .calibration import Calibration
from .layers import Array
from .mnist import CLASSES, PIXELS
from .network import Network, layers_from

FORMAT_VERSION = 1
MAX_BYTES = 200_000_000  # uncompressed; a network of the widest recipe is below
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
UNREADABLE = (  # what zipfile and NumPy raise on damaged files, besides what they document
    *(OSError, EOFError, ValueError, KeyError, OverflowError, MemoryError),
    *(RuntimeError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged, or not of this program."""


@dataclass(frozen=True)
class Checkpoint:
    """A network with what is known about it.

    Attributes
    ----------
    network : ready to predict
    meta : the JSON object that was saved beside it
    """

    network: Network
    meta: dict[str, Any]


def save_checkpoint(path: Path | str | BinaryIO, network: Network, **meta: Any) -> None:
    """Write a network to an .npz file.

    Parameters
    ----------
    path : where to; a file of that name is replaced once the new one is complete
    network : its parameters must be finite
    meta : whatever should be known about it, fit for JSON

    Raises
    ------
    CheckpointError
        A parameter is not finite.
    """
    arrays = network.arrays()
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise CheckpointError(f"{name}: expected finite numbers; this network is not saved")
    header = {
        "format_version": FORMAT_VERSION,
        "layers": network.architecture(),
        "calibration": network.calibration.to_dict(),
        **meta,
    }
    content: dict[str, Any] = {"meta": np.array(json.dumps(header)), **arrays}
    if not isinstance(path, Path | str):
        np.savez_compressed(path, **content)
        return
    path = Path(path)
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        np.savez_compressed(file, **content)
    partial.replace(path)


def load_network(path: Path | str | BinaryIO) -> Network:
    """The network of a checkpoint, ready to predict; raises as `load_checkpoint`."""
    return load_checkpoint(path).network


def load_checkpoint(path: Path | str | BinaryIO, *, name: str | None = None) -> Checkpoint:
    """Read and check an .npz file that `save_checkpoint` wrote.

    Parameters
    ----------
    path : of the file, or an open binary file
    name : what the errors call it; by default the file's name, or "checkpoint"

    Raises
    ------
    CheckpointError
        The file is missing, truncated, too large or no .npz; its format version, an array's name,
        shape or dtype differs from what its architecture asks for; or a number is not finite.
    """
    if name is None:
        name = Path(path).name if isinstance(path, Path | str) else "checkpoint"
    try:
        arrays = _read_arrays(path)
    except FileNotFoundError:
        raise CheckpointError(f"{name}: there is no such file") from None
    except UNREADABLE as error:
        raise CheckpointError(
            f"{name}: expected an .npz checkpoint, found a file that cannot be read as one "
            f"({error}); is it complete?"
        ) from None
    try:
        return _restore(arrays)
    except (ValueError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise CheckpointError(f"{name}: {error}") from None


def _read_arrays(path: Path | str | BinaryIO) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if any(member.compress_type not in COMPRESSIONS for member in members):
        raise ValueError("compressed in a way that np.savez_compressed does not use")
    size = sum(member.file_size for member in members)
    if size > MAX_BYTES:
        raise ValueError(f"{size:,} bytes unpacked, more than the {MAX_BYTES:,} allowed")
    if not isinstance(path, Path | str):
        path.seek(0)
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _restore(arrays: dict[str, Any]) -> Checkpoint:
    if "meta" not in arrays or arrays["meta"].dtype.kind != "U":
        raise ValueError("expected an array 'meta' with a JSON text, found none")
    meta = json.loads(str(arrays.pop("meta")))
    if not isinstance(meta, dict):
        raise ValueError("expected 'meta' to be a JSON object")
    version = meta.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"expected format version {FORMAT_VERSION}, found {version!r}; "
            "train again, or use the release of this program that wrote it"
        )
    layers = meta.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise ValueError("expected 'layers' in 'meta' to be a list of objects")
    _check_numbers(layers)
    network = Network(layers_from(layers))
    if (network.inputs, network.outputs) != (PIXELS, CLASSES):
        raise ValueError(
            f"expected {PIXELS} inputs and {CLASSES} outputs, "
            f"found {network.inputs} and {network.outputs}"
        )
    _fill(network.arrays(), arrays)
    with np.errstate(all="ignore"):
        predicts = np.isfinite(network.folded().params).all()
    if not predicts:
        raise ValueError("expected running variances that predict finite numbers, found others")
    network.calibration = Calibration.from_dict(meta.get("calibration", {}))
    return Checkpoint(network, meta)


def _check_numbers(layers: list[dict[str, Any]]) -> None:
    """Refuse sizes that no array in the file can have, before memory is taken for them."""
    for layer in layers:
        for key in ("inputs", "outputs", "units"):
            size = layer.get(key, 1)
            if not isinstance(size, int) or not 1 <= size <= 10_000:
                raise ValueError(f"expected {key} from 1 to 10,000, found {size!r}")
        for key in ("slope", "momentum", "epsilon", "rate"):
            number = layer.get(key, 0.0)
            if not isinstance(number, int | float) or not 0 <= number <= 1:
                raise ValueError(f"expected {key} from 0 to 1, found {number!r}")


def _fill(expected: Mapping[str, Array], found: Mapping[str, Array]) -> None:
    missing, extra = expected.keys() - found.keys(), found.keys() - expected.keys()
    if missing or extra:
        what = f"{', '.join(sorted(missing))} missing" if missing else f"{min(extra)} too many"
        raise ValueError(f"expected the arrays of its architecture, found {what}")
    for name, view in expected.items():
        array = found[name]
        if array.shape != view.shape:
            raise ValueError(f"{name}: expected shape {view.shape}, found {array.shape}")
        if array.dtype not in (np.float32, np.float16):
            raise ValueError(f"{name}: expected float32 or float16, found {array.dtype}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: expected finite numbers, found NaN or infinity")
        view[...] = array
