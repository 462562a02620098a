"""Rows and specs of the charts, and the table of runs."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from nn import RECIPES, Evaluation
from tests.ui.snapshots import curve, snapshot
from ui import i18n
from ui.runs import Runs
from ui.training.snapshot import LayerPoint, Mark, Point, State
from ui.view import charts, runs_table, sentences

ADAM = RECIPES["adam"]
RUN = snapshot(
    [
        Point(0.5, 1.0, 0.6),
        Point(1.0, 0.5, 0.8, 0.45, 0.85),
        Point(1.5, 0.4, 0.85),
        Point(2.0, 0.3, 0.9, 0.4, 0.88),
    ],
    marks=(Mark(1.25, "learning_rate", 0.001, 0.01), Mark(1.5, "batch_size", 128, None)),
    batches=(Point(1.4, 0.41, 0.8), Point(1.45, 0.39, 0.9)),
    best=Point(2.0, 0.3, 0.9, 0.4, 0.88),
)


def of(kind: str, rows: list[dict]) -> list[tuple]:
    return [(row["epoch"], row["value"], row["label"]) for row in rows if row["kind"] == kind]


def test_a_run_is_drawn_with_its_marks_and_its_best_epoch() -> None:
    rows = charts.curve_rows(RUN, "loss", batches=False)
    drawn = [(row["curve"], row["epoch"], row["value"]) for row in rows if row["kind"] == "curve"]
    assert drawn == [
        *(("training", epoch, loss) for epoch, loss in [(0.5, 1), (1, 0.5), (1.5, 0.4), (2, 0.3)]),
        *(("validation", epoch, loss) for epoch, loss in [(1.0, 0.45), (2.0, 0.4)]),
    ]
    marks = [(1.25, 0.0, "Learning rate 0.001 → 0.01"), (1.5, 0.0, "Batch size 128 → All")]
    assert of("mark", rows) == marks
    assert of("best", rows) == [(2.0, 0.4, "best: epoch 2")]
    assert of("best", charts.curve_rows(RUN, "accuracy", batches=False))[0][1] == 0.88


def test_by_batch_only_the_latest_batches_and_their_marks_are_drawn() -> None:
    rows = charts.curve_rows(RUN, "accuracy", batches=True)
    assert of("curve", rows) == [(1.4, 0.8, ""), (1.45, 0.9, "")]
    assert [label for _, _, label in of("mark", rows)] == ["Batch size 128 → All"]
    assert of("best", rows) == []


def test_a_run_that_failed_at_once_shows_its_batches_up_to_its_highest_loss() -> None:
    batches = (Point(0.01, 2.3, 0.1), Point(0.02, 7.1, 0.1), Point(0.03, float("inf"), 0.1))
    failed = snapshot(batches=batches, state=State.FAILED, position=0.03)
    assert [x for x, _, _ in of("curve", charts.curve_rows(failed, "loss", batches=False))] == [
        *(0.01, 0.02, 0.03),
    ]
    assert charts._reference(failed, "loss") == 7.1
    options = {"epochs": 10, "batches": False, "log": False, "theme": "light"}
    y = charts.curves(failed, "loss", **options)[1]["layer"][0]["encoding"]["y"]
    assert y["scale"]["domain"] == [0.0, 7.5]
    starting = snapshot(batches=batches[:1])
    assert charts.curve_rows(starting, "loss", batches=False) == [charts.NO_ROW]


def test_long_curves_are_thinned_but_keep_their_last_point_and_all_validation() -> None:
    run = snapshot(curve([1 / n for n in range(1, 3201)], validation=[0.5] * 400, an_epoch=8))
    rows = charts.curve_rows(run, "loss", batches=False)
    training = [row for row in rows if row["curve"] == "training"]
    assert len(training) <= charts.MAX_ROWS
    assert training[-1]["value"] == 1 / 3200
    assert len(rows) - len(training) == 400


def test_the_spec_stays_the_same_while_the_data_grow() -> None:
    later = snapshot([*RUN.points, Point(3.0, 0.2, 0.95, 0.3, 0.9)], marks=RUN.marks)
    for quantity in ("loss", "accuracy"):
        for batches in (False, True):
            options = {"epochs": 10, "batches": batches, "log": False, "theme": "dark"}
            before = charts.curves(RUN, quantity, **options)[1]
            assert charts.curves(later, quantity, **options)[1] == before
    points = [LayerPoint(1.0, 1, 2.0, 1.0, 0.1)]
    options = {"epochs": 10, "theme": "light"}
    more = [*points, LayerPoint(2.0, 1, 2.0, 1.0, 0.2)]
    assert charts.layers(points, "dead", **options)[1] == charts.layers(more, "dead", **options)[1]


def test_a_small_chart_tells_both_values_in_the_visitors_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def said(quantity: str) -> list[tuple]:
        rows = charts.both_rows(RUN, quantity)
        return [(row["row"], row["epoch"], row["label"], row["curve"]) for row in rows]

    assert said("loss") == [
        (0, 2.0, "0.3000", "0.4000"),  # the latest
        (1, 0.5, "1.0000", "–"),
        (2, 1.0, "0.5000", "0.4500"),  # between two validations there is nothing to point at
        (3, 2.0, "0.3000", "0.4000"),
    ]
    monkeypatch.setattr(i18n, "language", lambda: "de")
    assert said("accuracy")[2] == (2, 1.0, "80,00 %", "85,00 %")
    rows, spec = charts.small_curves(RUN, "accuracy", epochs=10, theme="light")
    assert rows["kind"].to_pylist().count("both") == 4
    titles = [entry["title"] for entry in spec["layer"][1]["encoding"]["tooltip"]]
    assert titles == ["Epoche", "Training", "Validierung"]


def test_what_is_pointed_at_on_a_small_chart_stays_in_its_place_while_a_run_goes_on() -> None:
    run = snapshot(curve([1 / n for n in range(1, 161)], validation=[0.5] * 20, an_epoch=8))
    later = snapshot(curve([1 / n for n in range(1, 185)], validation=[0.5] * 23, an_epoch=8))
    before, after = charts.both_rows(run, "loss"), charts.both_rows(later, "loss")
    assert before[0]["epoch"] == 20
    assert after[0]["epoch"] == 23
    assert after[1 : len(before)] == before[1:]
    long = snapshot(curve([1 / n for n in range(1, 3201)], validation=[0.5] * 400, an_epoch=8))
    assert 50 < len(charts.both_rows(long, "loss")) <= charts.MAX_POINTED + 1
    assert charts.both_rows(None, "loss") == charts.both_rows(snapshot(), "loss") == []


def test_a_logarithmic_axis_holds_all_losses_between_powers_of_ten() -> None:
    run = snapshot(curve([2.2, 0.5, 0.004]))
    options = {"epochs": 3, "batches": False, "theme": "light"}
    spec = charts.curves(run, "loss", log=True, **options)[1]
    y = spec["layer"][0]["encoding"]["y"]
    assert y["scale"] == {"type": "log", "domain": [0.001, 2.5], "nice": False}
    assert y["axis"]["values"] == [0.001, 0.01, 0.1, 1.0]
    assert "log" not in str(charts.curves(run, "accuracy", log=True, **options)[1])


def test_each_layer_is_one_line_and_the_last_is_the_output_layer() -> None:
    points = [
        *(LayerPoint(1.0, 1, 9.0, 0.9, 0.25), LayerPoint(1.0, 2, 5.0, 0.5, None)),
        *(LayerPoint(2.0, 1, 10.0, 1.0, 0.5), LayerPoint(2.0, 2, 6.0, 0.6, None)),
    ]
    drawn = [
        (row["curve"], row["epoch"], row["value"])
        for row in charts.layer_rows(points, "weight_norm")
    ]
    first, outputs = "layer 1", "outputs"
    assert drawn == [(first, 1, 9), (first, 2, 10), (outputs, 1, 5), (outputs, 2, 6)]
    assert [row["curve"] for row in charts.layer_rows(points, "dead")] == [first, first]
    assert charts.layer_rows((), "dead") == [charts.NO_ROW]
    assert charts.layer_names(points) == [first, outputs]


def test_a_race_is_drawn_over_epochs_or_over_seconds_of_training() -> None:
    runs = Runs()
    run = runs.add("Adam", ADAM, 0)
    run.see(snapshot([replace(point, seconds=3 * point.epoch) for point in RUN.points]))
    runs.add("Not yet", ADAM, 0)
    pairs = list(enumerate(runs))
    assert of("curve", charts.race_rows(pairs, "validation_accuracy", seconds=False)) == [
        *((1.0, 0.85, ""), (2.0, 0.88, "")),
    ]
    assert [x for x, _, _ in of("curve", charts.race_rows(pairs, "loss", seconds=True))] == [
        *(1.5, 3.0, 4.5, 6.0),
    ]


def domain_of(values: list[float], quantity: str) -> list[float]:
    """The y axis of a race with one run of these values."""
    runs = Runs()
    points = [Point(float(i), v, v, v, v) for i, v in enumerate(values, 1)]
    runs.add("Adam", ADAM, 0, snapshot=snapshot(points))
    options = {"seconds": False, "log": False, "theme": "light"}
    _, spec = charts.race(enumerate(runs), quantity, **options)
    domain: list[float] = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    return domain


def test_the_axis_of_a_race_leaves_out_the_worst_tenth() -> None:
    assert domain_of([], "loss") == [0.0, 2.5]
    values = [50.0, *([0.8] * 19)]
    assert domain_of(values, "validation_loss") == [0.0, 1.0]
    assert domain_of([1 - v / 2 for v in values], "validation_accuracy") == [0.6, 1.0]


def test_series_that_share_a_hue_differ_in_their_dash() -> None:
    styles = charts.race([], "loss", log=False, seconds=False, theme="light")[1]["layer"][0][
        "encoding"
    ]
    pairs = zip(
        styles["color"]["scale"]["range"],
        map(str, styles["strokeDash"]["scale"]["range"]),
        strict=True,
    )
    assert len(set(pairs)) == 20


def test_the_table_has_one_row_of_figures_per_run() -> None:
    confusion = np.diag([1000] * 10)
    confusion[0, 0], confusion[0, 1] = 900, 100
    runs = Runs()
    done = runs.add("<Adam>", ADAM, 3)
    test = Evaluation(0.1, confusion)
    done.see(snapshot(RUN.points, seconds=83.25, state=State.FINISHED, test=test))
    runs.add("New", ADAM.replace(hidden=(64, 32), batch_norm=True, dropout=0.5, samples=5000), 4)
    table = runs_table.table(enumerate(runs), current=done.id, theme="light")
    rows = re.findall(r"<tr.*?</tr>", table)
    cells = [
        [re.sub("<.*?>", "", cell) for cell in re.findall("<t[hd].*?</t[hd]>", row)] for row in rows
    ]
    assert cells[1] == [
        *("&lt;Adam&gt;", "done", "784-128-10, Adam 0.001, batch 128", "3", "1 min 23 s"),
        *("88.00 %", "99.00 %", "0.3000"),
    ]
    assert cells[2][1:3] == [
        "starting",
        "784-64-32-10, Adam 0.001, batch 128, batch norm, Dropout 0.5, 5,000 digits",
    ]
    assert cells[2][4:] == ["–"] * 4
    assert [' aria-current="true"' in row for row in rows] == [False, True, False]


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (725, "12 min 05 s")],
)
def test_a_duration_is_in_seconds_or_in_minutes(seconds: float, says: str) -> None:
    assert sentences.duration(seconds) == says


def test_the_share_of_the_worker_is_given_only_while_it_is_shared() -> None:
    assert sentences.sharing(snapshot(running=1, share=1.0)) == ""
    says = sentences.sharing(snapshot(running=4, share=0.254))
    assert says == "4 runs share one worker; your share is 25 %."


@pytest.mark.parametrize(
    ("name", "file"),
    [("Adam 2", "adam-2"), ("../../etc", "etc"), ("Ünïcode!", "n-code"), ("", "run")],
)
def test_a_runs_name_becomes_a_plain_file_name(name: str, file: str) -> None:
    assert sentences.file_name(name) == file
