"""Rows and specs of the lab's charts, and the race's table."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nn import RECIPES, Evaluation
from ui.lab import curves, pencil, pieces, race, words
from ui.lab.runs import Runs
from ui.scheduler.snapshot import LayerPoint, Mark, Point, State

from .snapshots import curve, snapshot

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
    best_epoch=2,
)


def of(kind: str, rows: list[dict]) -> list[tuple]:
    return [(row["epoch"], row["value"], row["label"]) for row in rows if row["kind"] == kind]


def test_a_training_is_drawn_with_its_marks_and_its_best_epoch() -> None:
    rows = curves.rows(RUN, "loss", batches=False)
    told = [(row["curve"], row["epoch"], row["value"]) for row in rows if row["kind"] == "curve"]
    assert told == [
        *(("training", epoch, loss) for epoch, loss in [(0.5, 1), (1, 0.5), (1.5, 0.4), (2, 0.3)]),
        *(("validation", epoch, loss) for epoch, loss in [(1.0, 0.45), (2.0, 0.4)]),
    ]
    marks = [(1.25, 0.0, "Learning rate 0.001 → 0.01"), (1.5, 0.0, "Batch size 128 → All")]
    assert of("mark", rows) == marks
    assert of("best", rows) == [(2.0, 0.4, "best: epoch 2")]
    assert of("best", curves.rows(RUN, "accuracy", batches=False))[0][1] == 0.88


def test_by_batch_the_latest_batches_are_drawn_and_the_marks_among_them() -> None:
    rows = curves.rows(RUN, "accuracy", batches=True)
    assert of("curve", rows) == [(1.4, 0.8, ""), (1.45, 0.9, "")]
    assert [label for _, _, label in of("mark", rows)] == ["Batch size 128 → All"]
    assert of("best", rows) == []


def test_a_training_that_failed_at_once_shows_its_batches_up_to_its_highest_loss() -> None:
    batches = (Point(0.01, 2.3, 0.1), Point(0.02, 7.1, 0.1), Point(0.03, float("inf"), 0.1))
    failed = snapshot(batches=batches, state=State.FAILED, position=0.03)
    assert [x for x, _, _ in of("curve", curves.rows(failed, "loss", batches=False))] == [
        *(0.01, 0.02, 0.03),
    ]
    assert curves.reference(failed, "loss") == 7.1
    options = {"epochs": 10, "batches": False, "log": False, "theme": "light"}
    y = curves.spec(failed, "loss", **options)["layer"][0]["encoding"]["y"]
    assert y["scale"]["domain"] == [0.0, 7.5]
    starting = snapshot(batches=batches[:1])
    assert curves.rows(starting, "loss", batches=False) == [pencil.NO_ROW]


def test_long_curves_are_thinned_to_their_last_point_and_all_their_validation() -> None:
    run = snapshot(curve([1 / n for n in range(1, 3201)], validation=[0.5] * 400, an_epoch=8))
    rows = curves.rows(run, "loss", batches=False)
    training = [row for row in rows if row["curve"] == "training"]
    assert len(training) <= pencil.MAX_ROWS
    assert training[-1]["value"] == 1 / 3200
    assert len(rows) - len(training) == 400


def test_the_spec_stays_the_same_while_the_data_grow() -> None:
    later = snapshot([*RUN.points, Point(3.0, 0.2, 0.95, 0.3, 0.9)], marks=RUN.marks)
    for quantity in ("loss", "accuracy"):
        for batches in (False, True):
            options = {"epochs": 10, "batches": batches, "log": False, "theme": "dark"}
            before = curves.spec(RUN, quantity, **options)
            assert curves.spec(later, quantity, **options) == before
    points = [LayerPoint(1.0, 1, 2.0, 1.0, 0.1)]
    options = {"epochs": 10, "empty": not points, "theme": "light"}
    assert curves.layer_spec("dead", **options) == curves.layer_spec("dead", **options)


def test_a_logarithmic_axis_holds_all_losses_between_powers_of_ten() -> None:
    run = snapshot(curve([2.2, 0.5, 0.004]))
    options = {"epochs": 3, "batches": False, "theme": "light"}
    spec = curves.spec(run, "loss", log=True, **options)
    y = spec["layer"][0]["encoding"]["y"]
    assert y["scale"] == {"type": "log", "domain": [0.001, 2.5], "nice": False}
    assert y["axis"]["values"] == [0.001, 0.01, 0.1, 1.0]
    assert "log" not in str(curves.spec(run, "accuracy", log=True, **options))


def test_layers_are_drawn_a_line_each_the_last_one_being_the_outputs() -> None:
    points = [
        *(LayerPoint(1.0, 1, 9.0, 0.9, 0.25), LayerPoint(1.0, 2, 5.0, 0.5, None)),
        *(LayerPoint(2.0, 1, 10.0, 1.0, 0.5), LayerPoint(2.0, 2, 6.0, 0.6, None)),
    ]
    told = [
        (row["curve"], row["epoch"], row["value"])
        for row in curves.layer_rows(points, "weight_norm")
    ]
    first, outputs = "layer 1", "outputs"
    assert told == [(first, 1, 9), (first, 2, 10), (outputs, 1, 5), (outputs, 2, 6)]
    assert [row["curve"] for row in curves.layer_rows(points, "dead")] == [first, first]
    assert curves.layer_rows((), "dead") == [pencil.NO_ROW]
    assert curves.layer_names(points) == [first, outputs]


def test_a_race_is_drawn_over_epochs_or_over_seconds_of_work() -> None:
    runs = Runs()
    run = runs.add("Adam", ADAM, 0)
    run.see(snapshot(RUN.points, seconds=6.0))
    runs.add("Not yet", ADAM, 0)
    pairs = list(enumerate(runs))
    assert of("curve", race.rows(pairs, "validation_accuracy", seconds=False)) == [
        *((1.0, 0.85, ""), (2.0, 0.88, "")),
    ]
    assert [x for x, _, _ in of("curve", race.rows(pairs, "loss", seconds=True))] == [
        *(1.5, 3.0, 4.5, 6.0),
    ]


def test_a_races_axis_leaves_out_the_farthest_tenth() -> None:
    rows = race.rows([], "loss", seconds=False)
    assert race.edge_of(rows, "loss") == 2.5
    values = [50.0, *([0.8] * 19)]
    rows = [{**pencil.NO_ROW, "kind": "curve", "value": value} for value in values]
    assert race.edge_of(rows, "validation_loss") == 1.0
    assert race.edge_of([{**row, "value": 1 - row["value"] / 2} for row in rows], "accuracy") == 0.6


def test_series_that_share_a_hue_differ_in_their_dash() -> None:
    looks = race.spec(*("loss",), length=3, edge=1.0, log=False, seconds=False, theme="light")[
        "layer"
    ][0]["encoding"]
    pairs = zip(
        looks["color"]["scale"]["range"],
        map(str, looks["strokeDash"]["scale"]["range"]),
        strict=True,
    )
    assert len(set(pairs)) == 20


def test_the_table_tells_each_run_in_figures() -> None:
    confusion = np.diag([1000] * 10)
    confusion[0, 0], confusion[0, 1] = 900, 100
    runs = Runs()
    done = runs.add("<Adam>", ADAM, 3)
    test = Evaluation(0.1, confusion)
    done.see(snapshot(RUN.points, seconds=83.25, state=State.FINISHED, test=test))
    runs.add("New", ADAM.replace(hidden=(64, 32), batch_norm=True, dropout=0.5, samples=5000), 4)
    table = pieces.table(enumerate(runs), current=done.id, theme="light")
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
def test_a_duration_is_told_in_words(seconds: float, says: str) -> None:
    assert words.duration(seconds) == says


def test_a_share_of_the_worker_is_told_where_it_is_shared() -> None:
    assert words.sharing(snapshot(running=1, share=1.0)) == ""
    told = words.sharing(snapshot(running=4, share=0.254))
    assert told == "4 trainings share one worker; 25 % of it is yours."


@pytest.mark.parametrize(
    ("name", "file"),
    [("Adam 2", "adam-2"), ("../../etc", "etc"), ("Ünïcode!", "n-code"), ("", "run")],
)
def test_a_runs_name_becomes_a_plain_file_name(name: str, file: str) -> None:
    assert words.file_name(name) == file
