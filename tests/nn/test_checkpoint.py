from __future__ import annotations

import io
import json
import math
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from nn import (
    CheckpointError,
    Dataset,
    Network,
    Recipe,
    checkpoint,
    load_checkpoint,
    load_network,
    save_checkpoint,
)
from nn.calibration import Calibration
from nn.layers import BatchNorm, Dense, LeakyReLU
from tests.helpers import checkpoint_bytes, inputs_of, tiny_recipe, trained

Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def network(digits: Dataset) -> Network:
    """A small network with batch normalisation and dropout, trained a little. Read only."""
    return trained(digits, tiny_recipe("deep", hidden=(6, 5)))


@pytest.fixture(scope="module")
def content(network: Network) -> Arrays:
    """What is in its checkpoint."""
    with np.load(io.BytesIO(checkpoint_bytes(network, seed=3))) as arrays:
        return dict(arrays)


def file_of(arrays: Arrays) -> io.BytesIO:
    """An .npz file of any arrays."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    file.seek(0)
    return file


def with_meta(content: Arrays, **changes: object) -> Arrays:
    meta = json.loads(str(content["meta"])) | changes
    return {**content, "meta": np.array(json.dumps(meta))}


def with_layer(content: Arrays, index: int, **changes: object) -> Arrays:
    layers = json.loads(str(content["meta"]))["layers"]
    layers[index] |= changes
    return with_meta(content, layers=layers)


def without(content: Arrays, name: str) -> Arrays:
    return {key: array for key, array in content.items() if key != name}


@pytest.mark.parametrize("kind", ["path", "text", "file"])
def test_a_network_comes_back_as_it_was(
    network: Network, digits: Dataset, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "network.npz"
    where = {"path": path, "text": str(path), "file": io.BytesIO()}[kind]
    save_checkpoint(where, network, seed=3, recipe={"name": "deep"})
    found = load_checkpoint(where)
    assert (found.meta["seed"], found.meta["recipe"]) == (3, {"name": "deep"})
    assert found.network.architecture() == network.architecture()
    np.testing.assert_array_equal(found.network.params, network.params)
    np.testing.assert_array_equal(found.network.statistics, network.statistics)
    assert network.statistics.any()
    x = inputs_of(digits)
    np.testing.assert_array_equal(load_network(where).predict_proba(x), network.predict_proba(x))


def test_half_precision_is_accepted(network: Network, content: Arrays) -> None:
    half = {key: a.astype(np.float16) if key != "meta" else a for key, a in content.items()}
    found = load_network(file_of(half))
    assert found.params.dtype == np.float32
    np.testing.assert_allclose(found.params, network.params, rtol=1e-3, atol=1e-6)


def test_the_same_content_makes_the_same_bytes(network: Network) -> None:
    assert checkpoint_bytes(network, seed=3) == checkpoint_bytes(network.copy(), seed=3)
    assert checkpoint_bytes(network, seed=3) != checkpoint_bytes(network, seed=4)


REFUSALS: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "another shape": (
        lambda c: {**c, "0.dense.W": np.zeros((784, 7), np.float32)},
        r"0.dense.W: expected shape \(784, 6\), found \(784, 7\)",
    ),
    "another dtype": (
        lambda c: {**c, "1.batch_norm.beta": np.zeros(6)},
        "1.batch_norm.beta: expected float32 or float16, found float64",
    ),
    "integers": (
        lambda c: {**c, "1.batch_norm.beta": np.zeros(6, np.int8)},
        "1.batch_norm.beta: .* found int8",
    ),
    "NaN": (
        lambda c: {**c, "8.dense.b": np.full(10, math.nan, np.float32)},
        "8.dense.b: expected finite numbers, found NaN or infinity",
    ),
    "infinity": (
        lambda c: {**c, "8.dense.b": np.full(10, math.inf, np.float16)},
        "8.dense.b: expected finite numbers",
    ),
    "a missing array": (lambda c: without(c, "4.dense.W"), "found 4.dense.W missing"),
    "an extra array": (
        lambda c: {**c, "9.dense.W": np.zeros(1, np.float32)},
        "found 9.dense.W too many",
    ),
    "no meta": (lambda c: without(c, "meta"), "expected an array 'meta' with a JSON text"),
    "meta that is no text": (lambda c: {**c, "meta": np.zeros(3)}, "'meta' with a JSON text"),
    "meta that is no JSON": (lambda c: {**c, "meta": np.array("{not")}, "Expecting property name"),
    "meta that is no object": (lambda c: {**c, "meta": np.array("[1]")}, "be a JSON object"),
    "endless nesting": (lambda c: {**c, "meta": np.array("[" * 100_000)}, "recursion"),
    "another version": (
        lambda c: with_meta(c, format_version=2),
        "expected format version 1, found 2; update this program",
    ),
    "an earlier version": (
        lambda c: with_meta(c, format_version=0),
        r"expected format version 1, found 0; to convert .* fill the arrays\(\) of a Network",
    ),
    "no version": (lambda c: with_meta(c, format_version=None), "version 1, found None; to conv"),
    "no layers": (lambda c: with_meta(c, layers=None), "'layers' in 'meta' to be a list"),
    "layers of text": (lambda c: with_meta(c, layers=["dense"]), "'layers' in 'meta' to be a list"),
    "layers of nothing": (
        lambda c: {"meta": with_meta(c, layers=[])["meta"]},
        "at least one layer with weights, got none",
    ),
    "too many layers": (
        lambda c: with_meta(c, layers=[{"kind": "relu"}] * 101),
        "at most 51 layers, found 101",
    ),
    "too many hidden layers": (
        lambda c: with_meta(
            c,
            layers=[
                {"kind": "dense", "inputs": a, "outputs": b}
                for a, b in pairwise([784, *[4] * 9, 10])
            ],
        ),
        "at most 8 hidden layers, found 9",
    ),
    "a text of a megabyte": (
        lambda c: with_meta(c, note="x" * 1_000_000),
        r"meta: expected at most 1,000,000 characters, found 1,000,\d+",
    ),
    "an unknown layer": (lambda c: with_layer(c, 2, kind="conv"), "a layer of .*, got 'conv'"),
    "a layer kind that is a list": (lambda c: with_layer(c, 2, kind=[]), "unhashable|got \\[\\]"),
    "an unknown argument": (lambda c: with_layer(c, 2, depth=3), "layer leaky_relu: .*depth"),
    "layers that do not fit": (
        lambda c: {**with_layer(c, 0, outputs=7), "0.dense.W": np.zeros((784, 7), np.float32)},
        "batch_norm expects 6",
    ),
    "a negative width": (lambda c: with_layer(c, 0, outputs=-6), "outputs from 1 to 4,096"),
    "a huge width": (lambda c: with_layer(c, 0, inputs=10**12), "inputs from 1 to 12,544"),
    "a huge layer": (lambda c: with_layer(c, 0, outputs=10**12), "outputs from 1 to 4,096"),
    "a width of text": (lambda c: with_layer(c, 0, inputs="784"), "found '784'"),
    "a slope of text": (lambda c: with_layer(c, 2, slope="0.1"), "slope from 0 to 1, found '0.1'"),
    "a slope of 3": (lambda c: with_layer(c, 2, slope=3), "slope from 0 to 1, found 3"),
    "a rate that is NaN": (lambda c: with_layer(c, 3, rate=math.nan), "rate from 0 to 1"),
    "a negative variance": (
        lambda c: {**c, "1.batch_norm.running_var": np.full(6, -1, np.float32)},
        "running variances that predict finite numbers",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_wrong_content_is_refused_by_name(content: Arrays, case: str, tmp_path: Path) -> None:
    spoil, says = REFUSALS[case]
    path = tmp_path / "wrong.npz"
    path.write_bytes(file_of(spoil(content)).getvalue())
    with pytest.raises(CheckpointError, match=f"(?s)^wrong.npz: .*{says}"):
        load_checkpoint(path)


def test_a_network_for_other_images_is_refused() -> None:
    with pytest.raises(CheckpointError, match="784 inputs and 10 outputs, found 4 and 10"):
        load_network(io.BytesIO(checkpoint_bytes(Network([Dense(4, 10)]))))


def test_a_network_that_cannot_predict_is_refused() -> None:
    with pytest.raises(CheckpointError, match="cannot fold batch_norm"):
        load_network(io.BytesIO(checkpoint_bytes(Network([BatchNorm(784), Dense(784, 10)]))))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.99, 0.9999])
def test_a_truncated_file_is_refused(network: Network, tmp_path: Path, share: float) -> None:
    whole = checkpoint_bytes(network)
    path = tmp_path / "part.npz"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match=r"part.npz: expected an .npz .* is it complete"):
        load_checkpoint(path)


def test_a_damaged_byte_is_refused_or_harmless(network: Network) -> None:
    whole, rng = checkpoint_bytes(network), np.random.default_rng(0)
    heads = [i for i in range(len(whole)) if whole.startswith(b"PK", i)]
    for _ in range(600):
        damaged = bytearray(whole)
        place = rng.choice(heads) + rng.integers(0, 50)
        damaged[min(place, len(whole) - 1)] = rng.integers(256)
        try:
            found = load_network(io.BytesIO(damaged))
        except CheckpointError:
            continue
        np.testing.assert_array_equal(found.params, network.params)


@pytest.mark.parametrize("raw", [b"no zip at all", b"\x93NUMPY", b"\x80\x04\x95 a pickle"])
def test_a_file_of_another_kind_is_refused(raw: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"^checkpoint: expected an .npz checkpoint"):
        load_checkpoint(io.BytesIO(raw))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none.npz: there is no such file"):
        load_checkpoint(tmp_path / "none.npz")
    with pytest.raises(CheckpointError, match=r"expected an .npz checkpoint"):
        load_checkpoint(tmp_path)


class Trap:
    """Says so when it is unpickled."""

    sprung = False

    def __reduce__(self) -> tuple:
        return setattr, (Trap, "sprung", True)


def test_a_pickled_array_is_refused_and_not_run(content: Arrays) -> None:
    with pytest.raises(CheckpointError, match=r"8\.dense\.b: expected numbers, found a pickle"):
        load_checkpoint(file_of({**content, "8.dense.b": np.array([Trap()], object)}))
    assert not Trap.sprung


@pytest.mark.parametrize("shape", [(10**13,), (2**70,), (-3,), (11,), (9,)])
def test_a_header_that_promises_other_than_there_is_is_refused(
    content: Arrays, shape: tuple[int, ...]
) -> None:
    file = file_of(without(content, "8.dense.b"))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("8.dense.b.npy", header(shape) + bytes(40))
    with pytest.raises(CheckpointError, match=r"expected an .npz checkpoint, .* has 40 bytes, not"):
        load_checkpoint(file)


def header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    """What stands before the numbers in a .npy file."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


def bomb(content: Arrays) -> bytes:
    """Sixty million zeros in 60 kB."""
    return file_of({**content, "9.bomb": np.zeros(60_000_000, np.uint8)}).getvalue()


def overlapping(content: Arrays) -> bytes:
    """A list that names the same zeros a hundred times (D. Fifield, "A better zip bomb", 2019)."""
    raw = file_of({"zeros": np.zeros(1_000_000, np.uint8)}).getvalue()
    start = raw.index(b"PK\x01\x02")
    entry, end = raw[start : raw.index(b"PK\x05\x06")], bytearray(raw[-22:])
    end[8:12] = (100).to_bytes(2, "little") * 2
    end[12:16] = (100 * len(entry)).to_bytes(4, "little")
    return raw[:start] + 100 * entry + bytes(end)


def lying(content: Arrays) -> bytes:
    """Sixty million zeros of which the list says that they are forty."""
    raw = bytearray(bomb(without(content, "8.dense.b")).replace(b"9.bomb.npy", b"8.dense.b."))
    raw = raw.replace(b"8.dense.b.", b"8.dense.b\0")
    entry = raw.rindex(b"PK\x01\x02")
    raw[entry + 24 : entry + 28] = (len(header((10,))) + 40).to_bytes(4, "little")
    return bytes(raw)


def endless_list(content: Arrays) -> bytes:
    """A hundred thousand arrays, all of them nothing but a name."""
    head = struct.Struct("<4s4B4HL2L5H2L")
    names = [b"%x" % i for i in range(100_000)]
    entries = b"".join(
        head.pack(b"PK\1\2", 20, 0, 20, *[0] * 8, len(name), *[0] * 6) + name for name in names
    )
    return entries + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entries), 0, 0)


def hidden_list(content: Arrays) -> bytes:
    """The same, its size hidden in the record of a zip larger than 4 GB."""
    whole = endless_list(content)
    entries, end = whole[:-22], bytearray(whole[-22:])
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(entries), 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(entries), 1)
    end[12:16] = (46).to_bytes(4, "little")
    return entries + record + locator + bytes(end)


def giant(content: Arrays) -> bytes:
    """An architecture of 480 MB, and none of its arrays."""
    sizes = [784, *[4096] * 8, 10]
    layers = [{"kind": "dense", "inputs": a, "outputs": b} for a, b in pairwise(sizes)]
    return file_of({"meta": with_meta(content, layers=layers)["meta"]}).getvalue()


def long_text(content: Arrays) -> bytes:
    """A JSON text of three million lists."""
    return file_of({**content, "meta": np.array("[" + "[]," * 3_000_000 + "[]]")}).getvalue()


@pytest.mark.parametrize(
    ("hostile", "says"),
    [
        (bomb, "arrays of at most 50,000,000 bytes, found 60,"),
        (overlapping, "arrays of at most 50,000,000 bytes, found 100,0"),
        (lying, "expected an .npz checkpoint"),
        (endless_list, "lists more arrays than a checkpoint has"),
        (hidden_list, "lists more arrays than a checkpoint has"),
        (giant, "found 0.dense.W, 0.dense.b, .* missing"),
        (long_text, "meta: expected at most 1,000,000 characters, found 9,0"),
    ],
)
def test_a_hostile_file_is_refused_before_memory_is_taken(
    content: Arrays, hostile: Callable[[Arrays], bytes], says: str
) -> None:
    file = io.BytesIO(hostile(content))
    load_checkpoint(file_of(content))  # what is loaded once for all
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=f"^checkpoint: .*{says}"):
            load_checkpoint(file, max_bytes=50_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_500_000


def test_a_header_of_any_length_is_refused(content: Arrays) -> None:
    file = file_of(without(content, "8.dense.b"))
    raw = b"\x93NUMPY\x02\0" + (30_000_000).to_bytes(4, "little") + b" " * 30_000_000
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("8.dense.b.npy", raw)
    with pytest.raises(CheckpointError, match=r"8\.dense\.b\.npy is of NumPy's format \(2, 0\)"):
        load_checkpoint(file)


def test_the_widest_recipe_is_below_the_limit() -> None:
    layers = tiny_recipe("deep", filters=(64,), hidden=(4096,) * 8).layers()
    shapes = [s for at in layers for s in {**at.shapes, **at.statistic_shapes}.values()]
    assert 4 * sum(map(math.prod, shapes)) < checkpoint.MAX_BYTES - 4 * checkpoint.MAX_META


@pytest.mark.parametrize(
    ("place", "change", "says"),
    [
        (1, {"filters": 65}, "filters from 1 to 64"),
        (1, {"kernel_size": 12}, "kernel_size from 1 to 11"),
        (1, {"padding": -1}, "padding from 0 to 11"),
        (1, {"channels": 2}, "convolution expects 2 x 28 x 28 inputs"),
        (3, {"size": 29}, "size from 1 to 28"),
        (3, {"size": 20}, "max_pooling expects 4 x 2 x 2 inputs"),
        (0, {"height": 14}, "an image of 1 x 28 x 28"),
    ],
)
def test_a_convolution_that_does_not_fit_is_refused(
    place: int, change: dict[str, int], says: str
) -> None:
    recipe = Recipe(filters=(3, 4), kernel_size=3, hidden=(5,))
    network = recipe.build_network(rng=np.random.default_rng(0))
    found = dict(np.load(io.BytesIO(checkpoint_bytes(network))))
    with pytest.raises(CheckpointError, match=says):
        load_checkpoint(file_of(with_layer(found, place, **change)))


def test_convolutions_of_too_many_or_too_large_are_refused() -> None:
    network = Recipe(filters=(3,), hidden=(5,)).build_network(rng=np.random.default_rng(0))
    found = dict(np.load(io.BytesIO(checkpoint_bytes(network))))
    first, convolution = json.loads(str(found["meta"]))["layers"][:2]
    same, flat = {**convolution, "channels": 3, "filters": 3}, {"kind": "flatten"}
    last = [flat, {"kind": "dense", "inputs": 2352, "outputs": 10}]
    with pytest.raises(CheckpointError, match="at most 4 convolutions, found 5"):
        load_checkpoint(file_of(with_meta(found, layers=[first, convolution, *4 * [same], *last])))
    dense = {"kind": "dense", "inputs": 784, "outputs": 784}
    for layers in (
        [first, flat, convolution, *last],
        [dense, first, convolution, *last],
        [first, convolution, flat],  # and no scores
    ):
        with pytest.raises(CheckpointError, match="from unflatten to flatten"):
            load_checkpoint(file_of(with_meta(found, layers=layers)))
    wide = {**convolution, "filters": 64, "kernel_size": 1, "padding": 0}
    large = {**convolution, "channels": 64, "filters": 1}
    last = [flat, {"kind": "dense", "inputs": 784, "outputs": 10}]
    with pytest.raises(CheckpointError, match="at most 262,144 numbers per image"):
        load_checkpoint(file_of(with_meta(found, layers=[first, wide, large, *last])))


def test_a_file_from_before_calibrations_still_loads(network: Network, content: Arrays) -> None:
    meta = json.loads(str(content["meta"]))
    del meta["calibration"]
    found = load_checkpoint(file_of({**content, "meta": np.array(json.dumps(meta))}))
    np.testing.assert_array_equal(found.network.params, network.params)
    assert found.network.calibration == Calibration()


def test_plain_arrays_are_converted_as_the_refusal_says(digits: Dataset, tmp_path: Path) -> None:
    theirs = trained(digits, tiny_recipe(hidden=(7,)))
    names = ("W1", "b1", "W2", "b2")
    arrays = dict(zip(names, theirs.arrays().values(), strict=True))
    with pytest.raises(CheckpointError, match=r"found none; to convert .* and use save_checkpoint"):
        load_checkpoint(file_of(arrays))
    ours = Network([Dense(784, 7), LeakyReLU(0.004), Dense(7, 10)])
    for name, view in zip(names, ours.arrays().values(), strict=True):
        view[...] = arrays[name]
    save_checkpoint(tmp_path / "converted.npz", ours)
    x = inputs_of(digits)
    converted = load_network(tmp_path / "converted.npz")
    np.testing.assert_array_equal(converted.predict_proba(x), theirs.predict_proba(x))


def test_more_than_can_be_read_again_is_not_saved(network: Network, tmp_path: Path) -> None:
    path = tmp_path / "network.npz"
    with pytest.raises(CheckpointError, match="meta: expected at most 1,000,000 characters, got"):
        save_checkpoint(path, network, note="x" * 1_000_000)
    assert not path.exists()


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_compression_is_refused(content: Arrays, compression: int) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file_of(content)) as source, zipfile.ZipFile(file, "w") as archive:
        for name in source.namelist():
            archive.writestr(name, source.read(name), compression)
    with pytest.raises(CheckpointError, match="compressed in a way"):
        load_checkpoint(file)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("vector", ["params", "statistics"])
def test_a_network_that_is_not_finite_is_not_saved(
    network: Network, tmp_path: Path, vector: str, value: float
) -> None:
    broken, path = network.copy(), tmp_path / "network.npz"
    save_checkpoint(path, network)
    getattr(broken, vector)[3] = value
    with pytest.raises(CheckpointError, match=r"\w: expected finite numbers; .* not saved"):
        save_checkpoint(path, broken)
    np.testing.assert_array_equal(load_network(path).params, network.params)


def test_a_file_is_replaced_only_by_a_complete_one(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "network.npz", network.copy()
    other.params += 1.0
    save_checkpoint(path, network)

    def half(file: io.BufferedWriter, **arrays: np.ndarray) -> None:
        file.write(b"PK half a file")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.np, "savez_compressed", half)
        with pytest.raises(OSError, match="No space left"):
            save_checkpoint(path, other)
    np.testing.assert_array_equal(load_network(path).params, network.params)
    save_checkpoint(path, other)  # what is left of the half does not stand in the way
    np.testing.assert_array_equal(load_network(path).params, other.params)
    assert [file.name for file in tmp_path.iterdir()] == ["network.npz"]
