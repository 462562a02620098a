"""Checkpoints: a network in one .npz file, without pickle.

One array per parameter or running statistic, named "0.dense.W", and `meta`, a JSON text: format
version, architecture, calibration, and what the caller adds (recipe, random seed, accuracies).

A file may come from anyone, so it is checked before memory is taken for an array: the header of
each must agree with the architecture and with the bytes in the file. The error names what is wrong.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .calibration import Calibration
from .convolution import Convolution, Unflatten
from .errors import RefusalError
from .layers import Dense, Layer
from .mnist import CLASSES, PIXELS, SIDE
from .network import Network, convolution_values, layers_from
from .recipes import (
    MAX_CONVOLUTION_VALUES,
    MAX_CONVOLUTIONS,
    MAX_FILTERS,
    MAX_HIDDEN_LAYERS,
    MAX_KERNEL_SIZE,
    MAX_UNITS,
)

FORMAT_VERSION = 1
MAX_BYTES = 700_000_000  # uncompressed; the widest recipe's network has 677,000,000
MAX_META = 1_000_000  # characters
# Weights, batch normalisation, activation, dropout or pooling each; unflatten, flatten, the scores.
MAX_LAYERS = 4 * (MAX_CONVOLUTIONS + MAX_HIDDEN_LAYERS) + 3
MAX_DIRECTORY = 65_536  # bytes of the zip's list of arrays: some 700 of them
LIMITS = {  # of a layer's numbers in `meta`: type, lowest, highest
    **dict.fromkeys(("outputs", "units"), (int, 1, MAX_UNITS)),
    "inputs": (int, 1, MAX_FILTERS * PIXELS // 4),
    **dict.fromkeys(("channels", "filters"), (int, 1, MAX_FILTERS)),
    "kernel_size": (int, 1, MAX_KERNEL_SIZE),
    "padding": (int, 0, MAX_KERNEL_SIZE),
    **dict.fromkeys(("height", "width", "size"), (int, 1, SIDE)),
    **dict.fromkeys(("slope", "momentum", "epsilon", "rate"), (int | float, 0, 1)),
}
# Convolutions as in a recipe: what explains a network relies on their order.
IMAGE_PART = re.compile(
    r"^unflatten (convolution ((batch_norm|dropout) )*((relu|leaky_relu|tanh) )?(dropout )*"
    r"(max_pooling )?)+flatten (?=.*dense )"
)
IMAGE_KINDS = ("unflatten", "convolution", "max_pooling", "flatten")
CONVERT = (
    "to convert arrays of another program or format, read them with NumPy, fill the arrays() of a "
    "Network of their shapes, and use save_checkpoint"
)
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
UNREADABLE = (  # what zipfile and NumPy raise on damaged files
    *(OSError, EOFError, ValueError, KeyError, OverflowError, MemoryError),
    *(RuntimeError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


class CheckpointError(RefusalError):
    """A checkpoint is missing, damaged, or not of this program."""


@dataclass(frozen=True)
class Checkpoint:
    """A network, and the JSON object that was saved with it.

    The network is frozen: to train it, train a copy.
    """

    network: Network
    meta: dict[str, Any]


def save_checkpoint(path: Path | str | BinaryIO, network: Network, **meta: Any) -> None:
    """Write a network to an .npz file.

    Parameters
    ----------
    path : an existing file is replaced only when the new one is complete
    network : its parameters must be finite
    meta : anything to record about it, ready for JSON

    Raises
    ------
    CheckpointError
        A parameter is not finite, or `meta` has more than a million characters.
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
    text = json.dumps(header)
    if len(text) > MAX_META:
        raise CheckpointError(f"meta: expected at most {MAX_META:,} characters, got {len(text):,}")
    content: dict[str, Any] = {"meta": np.array(text), **arrays}
    if not isinstance(path, Path | str):
        np.savez_compressed(path, **content)
        return
    path = Path(path)
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        np.savez_compressed(file, **content)
    partial.replace(path)


def load_network(path: Path | str | BinaryIO) -> Network:
    """The network of a checkpoint, frozen; errors as in `load_checkpoint`."""
    return load_checkpoint(path).network


def load_checkpoint(
    path: Path | str | BinaryIO, *, name: str | None = None, max_bytes: int = MAX_BYTES
) -> Checkpoint:
    """Read and check an .npz file from `save_checkpoint`, of this version or an earlier one.

    Parameters
    ----------
    path : of the file, or an open binary file
    name : for error messages; by default the file's name, or "checkpoint"
    max_bytes : of the arrays, unpacked; the network takes about three times as much memory

    Raises
    ------
    CheckpointError
        The file is missing, truncated, too large or no .npz; its format version, or an array's
        name, shape or dtype differs from what is expected; or a number is not finite.
    """
    if name is None:
        name = Path(path).name if isinstance(path, Path | str) else "checkpoint"
    try:
        with contextlib.ExitStack() as stack:
            file = path
            if isinstance(file, Path | str):
                file = stack.enter_context(Path(file).open("rb"))
            _check_directory(file)
            return _read(stack.enter_context(zipfile.ZipFile(file)), max_bytes)
    except CheckpointError as error:
        kind, figures = error.kind or "checkpoint", {"detail": str(error), **error.figures}
        raise CheckpointError(f"{name}: {error}", kind=kind, file=name, **figures) from None
    except FileNotFoundError:
        raise CheckpointError(
            f"{name}: there is no such file", kind="checkpoint_missing", file=name
        ) from None
    except UNREADABLE as error:
        raise CheckpointError(
            f"{name}: expected an .npz checkpoint, found a file that cannot be read as one "
            f"({error}); is it complete?",
            kind="checkpoint_unreadable",
            file=name,
            detail=str(error),
        ) from None


def _check_directory(file: BinaryIO) -> None:
    """Refuse a huge list of arrays, which zipfile would read whole.

    A zip ends with a record of 22 bytes that holds the list's size. `save_checkpoint` writes no
    comment after it, and no record of a larger zip before it.
    """
    file.seek(0, os.SEEK_END)
    file.seek(max(file.tell() - 42, 0))
    tail = file.read()
    end, larger = tail[-22:], tail[:-22]
    if not end.startswith(b"PK\x05\x06") or len(end) < 22 or end[20:] != b"\0\0":
        raise ValueError("the end of a zip file is missing")
    size = int.from_bytes(end[12:16], "little")
    if size > MAX_DIRECTORY or larger.startswith(b"PK\x06\x07"):
        raise ValueError("it lists more arrays than a checkpoint has")


def _read(archive: zipfile.ZipFile, max_bytes: int) -> Checkpoint:
    """Read sizes, then `meta`, then the arrays' headers, and only then the arrays."""
    members = archive.infolist()
    if any(member.compress_type not in COMPRESSIONS for member in members):
        raise ValueError("compressed in a way that np.savez_compressed does not use")
    size = sum(member.file_size for member in members)
    if size > max_bytes:
        raise CheckpointError(
            f"expected arrays of at most {max_bytes:,} bytes, found {size:,} bytes unpacked",
            kind="checkpoint_large",
            limit=max_bytes,
            size=size,
        )
    meta = _read_meta(archive)
    with _content_errors():
        layers = _read_layers(meta)
        calibration = Calibration.from_dict(meta.get("calibration", {}))
    _check_arrays(archive, layers)
    with _content_errors():
        network = Network(layers)
    if (network.inputs, network.outputs) != (PIXELS, CLASSES):
        raise CheckpointError(
            f"expected {PIXELS} inputs and {CLASSES} outputs, "
            f"found {network.inputs} and {network.outputs}"
        )
    for name, view in network.arrays().items():
        with archive.open(f"{name}.npy") as stream:
            view[...] = np.lib.format.read_array(stream, allow_pickle=False)
        if not np.isfinite(view).all():
            raise CheckpointError(f"{name}: expected finite numbers, found NaN or infinity")
    with _content_errors(), np.errstate(all="ignore"):
        predicts = np.isfinite(network.folded().params).all()
    if not predicts:
        raise CheckpointError(
            "expected running variances that predict finite numbers, found others"
        )
    network.calibration = calibration
    return Checkpoint(network.freeze(), meta)


@contextlib.contextmanager
def _content_errors() -> Iterator[None]:
    """Raise errors about a readable file's content as CheckpointError, not as UNREADABLE."""
    try:
        yield
    except (ValueError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise CheckpointError(str(error)) from None


def _read_meta(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The JSON object `meta`, of a known format version."""
    name, wanted = "meta.npy", "expected an array 'meta' with a JSON text"
    if name not in archive.namelist():
        raise CheckpointError(f"{wanted}, found none; {CONVERT}")
    shape, dtype = _read_header(archive, name)
    if shape != () or dtype.kind != "U":
        raise CheckpointError(f"{wanted}, found {dtype} of shape {shape}")
    if dtype.itemsize > 4 * MAX_META:
        raise CheckpointError(
            f"meta: expected at most {MAX_META:,} characters, found {dtype.itemsize // 4:,}"
        )
    with archive.open(name) as stream:
        text = str(np.lib.format.read_array(stream, allow_pickle=False))
    try:
        meta = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"meta: expected a JSON object: {error}") from None
    if not isinstance(meta, dict):
        raise CheckpointError("expected 'meta' to be a JSON object")
    version = meta.get("format_version")
    if version != FORMAT_VERSION:
        newer = isinstance(version, int) and version > FORMAT_VERSION
        raise CheckpointError(
            f"expected format version {FORMAT_VERSION}, found {version!r}; "
            + ("update this program to read a newer one" if newer else CONVERT),
            kind="checkpoint_version",
            known=FORMAT_VERSION,
            found=version,
        )
    return meta


def _read_header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype from an array's header, which must agree with the bytes that follow."""
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):  # in a later one the header may have any length
            raise ValueError(f"{name} is of NumPy's format {version}, not (1, 0)")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        length = stream.tell()
    if dtype.hasobject:
        raise CheckpointError(
            f"{name.removesuffix('.npy')}: expected numbers, found a pickle",
            kind="checkpoint_pickle",
        )
    size = archive.getinfo(name).file_size - length
    if min(shape, default=1) < 0 or math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"{name} has {size:,} bytes, not those of {dtype} of shape {shape}")
    return shape, dtype


def _read_layers(meta: dict[str, Any]) -> list[Layer]:
    """The layers that `meta` describes, within the limits of a recipe; they take no memory yet."""
    layers = meta.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise ValueError("expected 'layers' in 'meta' to be a list of objects")
    if len(layers) > MAX_LAYERS:
        raise ValueError(f"expected at most {MAX_LAYERS} layers, found {len(layers):,}")
    for layer in layers:
        for key, (kind, low, high) in LIMITS.items():
            value = layer.get(key, low)
            if not isinstance(value, kind) or not low <= value <= high:
                raise ValueError(f"expected {key} from {low} to {high:,}, found {value!r}")
    found = layers_from(layers)
    hidden = sum(isinstance(layer, Dense) for layer in found) - 1
    if hidden > MAX_HIDDEN_LAYERS:
        raise ValueError(f"expected at most {MAX_HIDDEN_LAYERS} hidden layers, found {hidden}")
    kinds = "".join(f"{layer.kind} " for layer in found)
    others = IMAGE_PART.sub("", kinds, count=1)
    images = [(it.channels, it.height, it.width) for it in found if isinstance(it, Unflatten)]
    if any(kind in others for kind in IMAGE_KINDS) or images not in ([], [(1, SIDE, SIDE)]):
        raise ValueError(
            f"expected convolutions of an image of 1 x {SIDE} x {SIDE} from unflatten to flatten, "
            "each with its activation and at most one max_pooling, and then dense layers"
        )
    count = sum(isinstance(layer, Convolution) for layer in found)
    if count > MAX_CONVOLUTIONS:
        raise ValueError(f"expected at most {MAX_CONVOLUTIONS} convolutions, found {count}")
    values = convolution_values(found)
    if values > MAX_CONVOLUTION_VALUES:
        raise ValueError(
            f"expected at most {MAX_CONVOLUTION_VALUES:,} numbers per image in a convolution, "
            f"found {values:,}"
        )
    return found


def _check_arrays(archive: zipfile.ZipFile, layers: list[Layer]) -> None:
    """Compare the arrays' names, shapes and dtypes with the layers', by their headers alone."""
    expected = {  # names as in Network.arrays
        f"{i}.{layer.kind}.{name}": shape
        for i, layer in enumerate(layers)
        for name, shape in {**layer.shapes, **layer.statistic_shapes}.items()
    }
    found = {name.removesuffix(".npy") for name in archive.namelist()} - {"meta"}
    missing, extra = expected.keys() - found, found - expected.keys()
    if missing or extra:
        what = f"{', '.join(sorted(missing)[:3])} missing" if missing else f"{min(extra)} too many"
        raise CheckpointError(f"expected the arrays of its architecture, found {what}")
    for name, wanted in expected.items():
        shape, dtype = _read_header(archive, f"{name}.npy")
        if shape != wanted:
            raise CheckpointError(f"{name}: expected shape {wanted}, found {shape}")
        if dtype not in (np.float32, np.float16):
            raise CheckpointError(f"{name}: expected float32 or float16, found {dtype}")
