from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nn import Dataset, Network, evaluate
from nn.command_line.main import main
from nn.pen.pen import (
    KINDS,
    _catmull_rom,
    _curves,
    contact_sheet,
    write_digits,
    write_nondigits,
    write_style,
)
from nn.pen.skeletons import Skeleton, load_skeletons


def skeleton(*strokes: tuple[tuple[float, float, bool], ...]) -> Skeleton:
    return Skeleton("7", "test", strokes)


def test_the_curve_goes_through_its_control_points() -> None:
    points = np.array([[0.0, 0.0], [30.0, 40.0], [70.0, 40.0], [70.0, 100.0]])
    curve = _catmull_rom(points) @ points
    for point in points:
        assert np.linalg.norm(curve - point, axis=1).min() < 1e-9
    assert np.linalg.norm(np.diff(curve, axis=0), axis=1).max() < 12  # no leaps


def test_a_curve_of_two_points_is_a_straight_line() -> None:
    points = np.array([[10.0, 20.0], [40.0, 60.0]])
    curve = _catmull_rom(points) @ points
    slopes = np.diff(curve, axis=0)
    np.testing.assert_allclose(slopes[:, 1] / slopes[:, 0], 4 / 3)


def test_the_weights_of_a_curve_do_not_move_it_when_all_points_move() -> None:
    points = np.random.default_rng(0).uniform(0, 100, (6, 2))
    np.testing.assert_allclose(_catmull_rom(points).sum(axis=1), 1.0)


def test_a_corner_is_sharp_and_a_smooth_point_is_not() -> None:
    sharp = _curves(skeleton(((0, 0, False), (50, 0, True), (50, 100, False))))
    horizontal = sharp.cornered @ sharp.controls
    on_a_leg = (np.abs(horizontal[:, 1]) < 1e-9) | (np.abs(horizontal[:, 0] - 50) < 1e-9)
    assert on_a_leg.all()
    rounded = sharp.rounded @ sharp.controls
    assert rounded.shape == horizontal.shape
    assert np.abs(rounded - horizontal).max() > 2


def test_strokes_do_not_run_into_each_other() -> None:
    apart = _curves(skeleton(((0, 0, False), (10, 0, False)), ((90, 90, False), (99, 99, False))))
    first, second = np.split(apart.cornered @ apart.controls, apart.ends[:-1])
    assert first.max() <= 10
    assert second.min() >= 90


def test_digits_are_written_as_mnist_is_laid_out() -> None:
    written = write_digits(300, rng=np.random.default_rng(0))
    assert isinstance(written, Dataset)
    pictures = written.images.reshape(-1, 28, 28) / 255
    mass = pictures.sum(axis=(1, 2))
    places = np.arange(28)
    across = (pictures.sum(axis=1) @ places) / mass
    down = (pictures.sum(axis=2) @ places) / mass
    np.testing.assert_allclose(across, 13.5, atol=0.3)
    np.testing.assert_allclose(down, 13.5, atol=0.3)
    rows, columns = (pictures.max(axis=axis) > 0.5 for axis in (2, 1))
    longer = np.maximum(rows.sum(axis=1), columns.sum(axis=1))
    assert np.median(longer) == 20
    assert longer.min() >= 15  # thin ends fade
    assert longer.max() <= 22
    assert set(written.labels) == set(range(10))


def test_the_same_seed_writes_the_same_and_another_does_not() -> None:
    first, again, other = (write_digits(20, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert (first.images != other.images).any(axis=1).mean() > 0.9


def test_wanted_labels_are_written() -> None:
    labels = np.array([7, 7, 0, 3])
    written = write_digits(4, rng=np.random.default_rng(0), labels=labels)
    np.testing.assert_array_equal(written.labels, labels)
    assert len(write_digits(0, rng=np.random.default_rng(0))) == 0


@pytest.mark.parametrize("labels", [[1, 2], [1, 2, 10], [-1, 0, 0]])
def test_labels_that_are_no_digits_or_too_few_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="expected 3 labels from 0 to 9"):
        write_digits(3, rng=np.random.default_rng(0), labels=labels)


def test_one_style_in_two_hands_differs_yet_no_hand_is_wild() -> None:
    rng = np.random.default_rng(0)
    plain = next(s for s in load_skeletons() if (s.label, s.style) == ("7", "plain"))
    samples = np.array([write_style(plain, rng=rng) for _ in range(60)]) / 255
    assert samples.std(axis=0).max() > 0.2
    typical = samples.mean(axis=0)
    likeness = samples @ typical / np.linalg.norm(samples, axis=1) / np.linalg.norm(typical)
    assert likeness.min() > 0.3


def test_pens_are_thin_and_thick() -> None:
    bar = skeleton(((0, 0, False), (0, 100, False)))
    rng = np.random.default_rng(0)
    ink = np.array([write_style(bar, rng=rng).sum() / 255 / 20 for _ in range(200)])
    assert ink.min() < 1.6  # pixels of a bar twenty long
    assert ink.max() > 3.4


def test_a_network_of_mnist_reads_most_of_what_is_written(reader: Network) -> None:
    # The styles that MNIST lacks are what the rest is about.
    accuracy = evaluate(reader, write_digits(600, rng=np.random.default_rng(3))).accuracy
    assert 0.6 < accuracy < 0.97


def test_nondigits_are_written_with_ink_and_all_differ() -> None:
    images = write_nondigits(100, rng=np.random.default_rng(0))
    assert images.shape == (100, 784)
    assert images.dtype == np.uint8
    assert (images.max(axis=1) > 120).all()
    assert len(np.unique(images, axis=0)) == 100


def test_nondigits_of_a_kind_can_be_asked_for() -> None:
    """Two digits side by side are the widest, and no capital letter has a scribble's ink."""
    ink, width = {}, {}
    for kind in KINDS:
        images = write_nondigits(60, rng=np.random.default_rng(0), kinds=[kind])
        ink[kind] = images.mean()
        columns = (images.reshape(-1, 28, 28).max(axis=1) > 127).sum(axis=1)
        width[kind] = np.median(columns)
    assert width["pair"] >= 19 > width["sign"]
    assert ink["scribble"] > 1.2 * ink["sign"]


def test_writing_is_fast_enough_to_train_on() -> None:
    rng = np.random.default_rng(0)
    write_digits(50, rng=rng)  # reads the table
    started = time.process_time()
    write_digits(200, rng=rng)
    assert (time.process_time() - started) / 200 < 0.005  # measured: 0.0009


def test_a_contact_sheet_has_a_row_a_style() -> None:
    styles = load_skeletons()[:3]
    sheet = np.asarray(contact_sheet(styles, rng=np.random.default_rng(0)))
    assert sheet.shape[0] == 3 * 28
    samples = sheet[:, -24 * 28 :].reshape(3, 28, 24, 28).max(axis=(1, 3))
    assert (samples > 200).all()


def test_the_command_draws_a_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nn.pen.pen.COLUMNS", 3)  # of each style
    file = tmp_path / "sheet.png"
    assert main(["pen", "--sheet", str(file)]) == 0
    styles = len(load_skeletons())
    assert capsys.readouterr().out == f"saved {file}: {styles} styles, one per row\n"
    with Image.open(file) as picture:
        assert picture.height == styles * 28


@pytest.mark.parametrize(
    ("name", "says"), [("sheet.txt", "ends in .png"), ("none/sheet.png", "no folder")]
)
def test_the_command_refuses_a_sheet_it_cannot_write(
    name: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pen", "--sheet", str(tmp_path / name)]) == 2
    assert says in capsys.readouterr().err
