"""Checkpoints: a network in one .npz file, without pickle.

One array a parameter or running statistic, named "layer.kind.name", and `meta`, a JSON text:
format version, architecture, calibration, and what the one who saved it adds (recipe, random
seed, data checksums, accuracies). Reading believes nothing: before memory is taken for an array,
its header must agree with the architecture and with the bytes there are; then version, names,
shapes, dtypes, finite values. The error says which one is wrong.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .calibration import Calibration
from .layers import Layer
from .mnist import CLASSES, PIXELS
from .network import Network, layers_from
from .refusal import RefusalError

FORMAT_VERSION = 1
MAX_BYTES = 500_000_000  # uncompressed; a network of the widest recipe has 483,000,000
MAX_META = 1_000_000  # characters
MAX_LAYERS = 100
MAX_DIRECTORY = 65_536  # bytes of the zip's list of arrays: some 700 of them
CONVERT = (
    "to convert arrays of another program or format, read them with NumPy, fill the arrays() of a "
    "Network of their shapes, and use save_checkpoint"
)
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
UNREADABLE = (  # what zipfile and NumPy raise on damaged files, besides what they document
    *(OSError, EOFError, ValueError, KeyError, OverflowError, MemoryError),
    *(RuntimeError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


class CheckpointError(RefusalError):
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
    """The network of a checkpoint, ready to predict; raises as `load_checkpoint`."""
    return load_checkpoint(path).network


def load_checkpoint(
    path: Path | str | BinaryIO, *, name: str | None = None, max_bytes: int = MAX_BYTES
) -> Checkpoint:
    """Read and check an .npz file that `save_checkpoint` wrote, in this version or an earlier one.

    Parameters
    ----------
    path : of the file, or an open binary file
    name : what the errors call it; by default the file's name, or "checkpoint"
    max_bytes : of its arrays, unpacked; the network takes about three times as much memory

    Raises
    ------
    CheckpointError
        The file is missing, truncated, too large or no .npz; its format version, an array's name,
        shape or dtype differs from what its architecture asks for; or a number is not finite.
    """
    if name is None:
        name = Path(path).name if isinstance(path, Path | str) else "checkpoint"
    try:
        with contextlib.ExitStack() as stack:
            file = path
            if isinstance(file, Path | str):
                file = stack.enter_context(Path(file).open("rb"))
            _check_directory(file)
            return _restore(stack.enter_context(zipfile.ZipFile(file)), max_bytes)
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
    """Refuse a list of arrays that takes much memory by itself; zipfile reads all of it.

    A zip ends with a record of 22 bytes that tells the list's size: as `save_checkpoint` writes
    it, without a comment behind it or the record of a larger zip before it.
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


def _restore(archive: zipfile.ZipFile, max_bytes: int) -> Checkpoint:
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
    with _told():
        layers = _layers(meta)
        calibration = Calibration.from_dict(meta.get("calibration", {}))
    _check_arrays(archive, _shapes(layers))
    with _told():
        network = _network(layers)
    for name, view in network.arrays().items():
        with archive.open(f"{name}.npy") as stream:
            view[...] = np.lib.format.read_array(stream, allow_pickle=False)
        if not np.isfinite(view).all():
            raise CheckpointError(f"{name}: expected finite numbers, found NaN or infinity")
    with _told(), np.errstate(all="ignore"):
        predicts = np.isfinite(network.folded().params).all()
    if not predicts:
        raise CheckpointError(
            "expected running variances that predict finite numbers, found others"
        )
    network.calibration = calibration
    return Checkpoint(network, meta)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What is wrong with the content says so by itself; with the file, `load_checkpoint` does."""
    try:
        yield
    except (ValueError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise CheckpointError(str(error)) from None


def _read_meta(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The JSON object `meta`, of this program's format."""
    name, wanted = "meta.npy", "expected an array 'meta' with a JSON text"
    if name not in archive.namelist():
        raise CheckpointError(f"{wanted}, found none; {CONVERT}")
    shape, dtype = _header(archive, name)
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
    if version == FORMAT_VERSION:
        return meta
    newer = isinstance(version, int) and version > FORMAT_VERSION
    raise CheckpointError(
        f"expected format version {FORMAT_VERSION}, found {version!r}; "
        + ("update this program to read a newer one" if newer else CONVERT),
        kind="checkpoint_version",
        known=FORMAT_VERSION,
        found=version,
    )


def _header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that an array's header tells, which must agree with the bytes there are."""
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):  # a later one may have a header of any length
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


def _layers(meta: dict[str, Any]) -> list[Layer]:
    """The layers that `meta` describes; they take no memory yet."""
    layers = meta.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise ValueError("expected 'layers' in 'meta' to be a list of objects")
    if len(layers) > MAX_LAYERS:
        raise ValueError(f"expected at most {MAX_LAYERS} layers, found {len(layers):,}")
    _check_numbers(layers)
    return layers_from(layers)


def _check_numbers(layers: list[dict[str, Any]]) -> None:
    """Refuse what no layer of this program has."""
    for layer in layers:
        for key in ("inputs", "outputs", "units"):
            size = layer.get(key, 1)
            if not isinstance(size, int) or not 1 <= size <= 10_000:
                raise ValueError(f"expected {key} from 1 to 10,000, found {size!r}")
        for key in ("slope", "momentum", "epsilon", "rate"):
            number = layer.get(key, 0.0)
            if not isinstance(number, int | float) or not 0 <= number <= 1:
                raise ValueError(f"expected {key} from 0 to 1, found {number!r}")


def _shapes(layers: Sequence[Layer]) -> dict[str, tuple[int, ...]]:
    """What the arrays of these layers are called, as in `Network.arrays`, and their shapes."""
    return {
        f"{i}.{layer.kind}.{name}": shape
        for i, layer in enumerate(layers)
        for name, shape in {**layer.shapes, **layer.statistic_shapes}.items()
    }


def _check_arrays(archive: zipfile.ZipFile, expected: dict[str, tuple[int, ...]]) -> None:
    """Refuse arrays that are not those expected, by their headers alone."""
    found = {name.removesuffix(".npy") for name in archive.namelist()} - {"meta"}
    missing, extra = expected.keys() - found, found - expected.keys()
    if missing or extra:
        what = f"{', '.join(sorted(missing)[:3])} missing" if missing else f"{min(extra)} too many"
        raise CheckpointError(f"expected the arrays of its architecture, found {what}")
    for name, wanted in expected.items():
        shape, dtype = _header(archive, f"{name}.npy")
        if shape != wanted:
            raise CheckpointError(f"{name}: expected shape {wanted}, found {shape}")
        if dtype not in (np.float32, np.float16):
            raise CheckpointError(f"{name}: expected float32 or float16, found {dtype}")


def _network(layers: Sequence[Layer]) -> Network:
    """A network of these layers, from a digit's pixels to ten scores."""
    network = Network(layers)
    if (network.inputs, network.outputs) != (PIXELS, CLASSES):
        raise ValueError(
            f"expected {PIXELS} inputs and {CLASSES} outputs, "
            f"found {network.inputs} and {network.outputs}"
        )
    return network
