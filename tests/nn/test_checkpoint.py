from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nn import (
    CheckpointError,
    Dataset,
    Network,
    checkpoint,
    load_checkpoint,
    load_network,
    save_checkpoint,
)
from nn.layers import BatchNorm, Dense
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
        "expected format version 1, found 2; train again",
    ),
    "no version": (lambda c: with_meta(c, format_version=None), "version 1, found None"),
    "no layers": (lambda c: with_meta(c, layers=None), "'layers' in 'meta' to be a list"),
    "layers of text": (lambda c: with_meta(c, layers=["dense"]), "'layers' in 'meta' to be a list"),
    "layers of nothing": (lambda c: with_meta(c, layers=[]), "at least one dense layer, got none"),
    "an unknown layer": (lambda c: with_layer(c, 2, kind="conv"), "a layer of .*, got 'conv'"),
    "a layer kind that is a list": (lambda c: with_layer(c, 2, kind=[]), "unhashable|got \\[\\]"),
    "an unknown argument": (lambda c: with_layer(c, 2, depth=3), "layer leaky_relu: .*depth"),
    "layers that do not fit": (lambda c: with_layer(c, 0, outputs=7), "batch_norm expects 6"),
    "a negative width": (lambda c: with_layer(c, 0, outputs=-6), "outputs from 1 to 10,000"),
    "a huge width": (lambda c: with_layer(c, 0, inputs=10**12), "inputs from 1 to 10,000"),
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
    with pytest.raises(CheckpointError, match="allow_pickle=False"):
        load_checkpoint(file_of({**content, "8.dense.b": np.array([Trap()], object)}))
    assert not Trap.sprung


def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    content: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_of({**content, "9.bomb": np.zeros(300_000_000, np.uint8)})
    assert len(file.getvalue()) < 1_000_000
    monkeypatch.setattr(np, "load", None)  # reading any array would fail otherwise
    with pytest.raises(CheckpointError, match=r"300,\d+,\d+ bytes unpacked, more than the 200,000"):
        load_checkpoint(file)


@pytest.mark.parametrize("shape", [(10**13,), (2**70,), (-3,)])
def test_a_header_that_promises_more_than_there_is_is_refused(
    content: Arrays, shape: tuple[int, ...]
) -> None:
    file = file_of(without(content, "8.dense.b"))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("8.dense.b.npy", header.getvalue() + bytes(40))
    file.seek(0)
    with pytest.raises(CheckpointError, match=r"expected an .npz checkpoint"):
        load_checkpoint(file)


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
