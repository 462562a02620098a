"""Checkpoints and curves as files for the visitor, and checkpoints from them."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from nn import CheckpointError
from ui.files import MAX_UPLOAD_BYTES, checkpoint_bytes, curves_csv, network_from_upload
from ui.training.snapshot import LayerPoint, Mark, Point, Snapshot


def test_a_downloaded_checkpoint_can_be_uploaded_with_its_facts(finished: Snapshot) -> None:
    run = replace(finished, seed=11, step=40, seconds=1.23456)
    network, meta = network_from_upload(checkpoint_bytes(run, name="mine"), "mine.npz")
    assert run.network is not None
    assert run.test is not None
    np.testing.assert_array_equal(network.params, run.network.params)
    np.testing.assert_array_equal(network.statistics, run.network.statistics)
    assert meta["recipe"] == run.recipe.to_dict()
    assert (meta["name"], meta["seed"], meta["epochs"], meta["steps"]) == ("mine", 11, 4, 40)
    assert (meta["seconds"], meta["test_accuracy"]) == (1.235, run.test.accuracy)
    assert meta["validation_accuracy"] == run.points[-1].validation_accuracy
    assert len(meta["data_md5"]) == 4


def test_without_test_and_validation_the_accuracies_are_none(finished: Snapshot) -> None:
    points = tuple(
        replace(p, validation_loss=None, validation_accuracy=None) for p in finished.points
    )
    raw = checkpoint_bytes(replace(finished, points=points, test=None))
    _, meta = network_from_upload(raw, "mine.npz")
    assert (meta["validation_accuracy"], meta["test_accuracy"]) == (None, None)
    assert "name" not in meta


def test_a_run_without_a_network_is_not_downloaded(finished: Snapshot) -> None:
    with pytest.raises(CheckpointError, match="learned nothing yet: train it for a moment"):
        checkpoint_bytes(replace(finished, network=None))


def test_an_upload_above_the_limit_is_refused_by_its_size(finished: Snapshot) -> None:
    raw = checkpoint_bytes(finished)
    with pytest.raises(CheckpointError, match=r"^my\.npz: .* at most 25\.0 MB, got 25\.1 MB"):
        network_from_upload(raw + bytes(MAX_UPLOAD_BYTES + 100_000 - len(raw)), "my.npz")


@pytest.mark.parametrize(
    "raw", [b"", b"no zip", b"\x80\x04\x95 a pickle", b"\x93NUMPY", b"PK\x05\x06" + bytes(18)]
)
def test_an_upload_of_another_kind_is_refused_by_its_name(raw: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"^photo\.jpg: expected an \.npz checkpoint|meta"):
        network_from_upload(raw, "photo.jpg")


def test_a_zip_bomb_is_refused_by_its_name(finished: Snapshot) -> None:
    file = io.BytesIO(checkpoint_bytes(finished))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("9.bomb.npy", bytes(60_000_000))
    assert len(file.getvalue()) < 100_000
    with pytest.raises(CheckpointError, match=r"^bomb\.npz: .* at most 50,000,000 bytes, found 60"):
        network_from_upload(file.getvalue(), "bomb.npz")


def test_curves_come_as_rows_of_epoch_quantity_series_and_value(finished: Snapshot) -> None:
    run = replace(
        finished,
        step=8,
        moments=(),
        points=(Point(0.5, 2.25, 0.25), Point(1.0, 0.1, 0.5, 1.5, 0.625)),
        batches=(Point(0.875, 2.0, 0.125), Point(1.0, 1.75, 0.25)),
        marks=(Mark(0.5, "learning_rate", 0.002, 0.001), Mark(1.0, "batch_size", 20, None)),
        layers=(LayerPoint(1.0, 1, 3.5, 0.25, 0.125), LayerPoint(1.0, 2, 2.0, 0.5)),
    )
    text = curves_csv(run)
    assert text.splitlines() == [
        "epoch,step,quantity,series,value",
        "0.5,,loss,training,2.25",
        "1.0,8,loss,training,0.1",
        "0.5,,accuracy,training,0.25",
        "1.0,8,accuracy,training,0.5",
        "1.0,8,loss,validation,1.5",
        "1.0,8,accuracy,validation,0.625",
        "0.875,7,loss,batch,2.0",
        "1.0,8,loss,batch,1.75",
        "0.875,7,accuracy,batch,0.125",
        "1.0,8,accuracy,batch,0.25",
        "1.0,8,weight_norm,layer 1,3.5",
        "1.0,8,weight_norm,layer 2,2.0",
        "1.0,8,gradient_norm,layer 1,0.25",
        "1.0,8,gradient_norm,layer 2,0.5",
        "1.0,8,dead,layer 1,0.125",
        "0.5,,learning_rate,change,0.001",
        "1.0,8,batch_size,change,full",
    ]


def test_numbers_in_curves_are_exact(finished: Snapshot) -> None:
    rows = list(csv.DictReader(io.StringIO(curves_csv(finished))))
    losses = [row for row in rows if (row["quantity"], row["series"]) == ("loss", "training")]
    assert [(float(row["epoch"]), float(row["value"])) for row in losses] == [
        (point.epoch, point.loss) for point in finished.points
    ]


def test_optimizer_steps_are_written_where_they_are_known(finished: Snapshot) -> None:
    rows = list(csv.DictReader(io.StringIO(curves_csv(finished))))
    steps_per_epoch = 10  # 200 digits in batches of 20
    known = [row for row in rows if row["step"]]
    assert {row["series"] for row in known} == {
        *("training", "validation", "batch", "layer 1", "layer 2", "layer 3", "change")
    }
    for row in known:
        assert int(row["step"]) == round(float(row["epoch"]) * steps_per_epoch)
    assert len({row["step"] for row in known if row["series"] == "batch"}) == 40
