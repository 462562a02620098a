"""The lab on the page, run by Streamlit's AppTest: runs, knobs, hints, links, and bad input."""

from __future__ import annotations

import io
import pickle
import sqlite3
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from nn import RECIPES, Evaluation
from tests.helpers import checkpoint_bytes, shown
from tests.ui.snapshots import curve, snapshot
from tests.ui.visitor import new_page, session_of
from ui import config, i18n
from ui.hints import Hint
from ui.page import visit
from ui.runs import Run, Runs
from ui.training.limits import Limits
from ui.training.snapshot import State
from ui.view import sentences

VISITOR = "visitor-for-the-tests"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of kept runs of this server, which is not there yet."""
    file = tmp_path / "runs.sqlite3"
    monkeypatch.setenv("DIGIT_LAB_DATABASE", f"sqlite:///{file}")
    config.current.cache_clear()
    return file


def runs_of(page: AppTest) -> Runs:
    return session_of(page).runs


def now(page: AppTest) -> Run:
    """The run that the sidebar controls."""
    run = runs_of(page).controlled()
    assert run is not None
    return run


def text(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def wait(page: AppTest, done: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(400):
        page.run()
        assert not page.exception
        if done():
            return
        waiting.wait(0.05)
    raise AssertionError("what was waited for did not come")


def small(page: AppTest, preset: str = "adam", epochs: int = 1) -> None:
    """Set a training that takes a moment: 300 digits."""
    page.text_input(key=f"samples-{preset}").set_value("300")
    page.text_input(key=f"epochs-{preset}").set_value(str(epochs))
    page.run()


def train(page: AppTest) -> Run:
    """Press Train, and go through to the end."""
    page.button(key="train").click().run()
    wait(page, lambda: not now(page).live)
    return now(page)


def test_runs_stand_beside_each_other_and_the_same_seed_gives_the_same_result(
    open_page: Callable[..., AppTest],
) -> None:
    page = open_page(panel="PANEL_RUNS").run()
    small(page)
    first, second = train(page), train(page)
    assert [run.name for run in runs_of(page)] == ["Adam", "Adam 2"]
    assert now(page) is second
    assert first.snapshot.test.errors == second.snapshot.test.errors
    assert first.snapshot.points == second.snapshot.points
    assert text(page).count('<th scope="row">') == 2


def test_a_training_that_stops_early_says_so_and_can_be_done_again(
    open_page: Callable[..., AppTest],
) -> None:
    page = open_page(patience="1", learning_rate="0.02", lang="en").run()
    patience = page.text_input(key="patience-adam-1")
    assert patience.value == "1"
    page.text_input(key="samples-adam-1").set_value("300")
    page.text_input(key="epochs-adam-1").set_value("60")
    patience.set_value("2")
    page.run()
    first = train(page)
    best = first.snapshot.best_epoch
    assert first.snapshot.epoch == best + 2 < 60
    assert f"Stopped early: best at epoch {best}" in text(page)
    share = i18n.percent(first.snapshot.best.validation_accuracy, 2)
    assert first.snapshot.validation > first.snapshot.latest_validation
    assert f"% training, {share} validation" in text(page)
    assert "Patience 2" in sentences.recipe(first.recipe)
    assert "patience=2" in page.code[-1].value
    assert train(page).snapshot.points == first.snapshot.points
    page.selectbox(key="recipe-name-1").set_value("original")
    page.run()
    page.text_input(key="patience-original-1").set_value("2")
    page.run()
    assert "early stopping needs digits set aside for validation" in shown(page.error)[0]
    assert page.button(key="train").disabled


def test_the_end_of_a_run_is_told_with_the_best_epoch_where_that_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def done(patience: int, epoch: int) -> str:
        points = curve([0.5] * epoch, validation=[0.3] * epoch)
        recipe = RECIPES["adam"].replace(patience=patience)
        test = Evaluation(0.1, np.diag(np.full(10, 9)))
        return sentences.done(snapshot(points, recipe=recipe, best=points[6], test=test))

    assert done(0, 10) == "Done: 10 epochs"
    assert done(5, 10) == "Done: best at epoch 7"
    assert done(2, 9) == "Stopped early: best at epoch 7"
    monkeypatch.setattr(i18n, "language", lambda: "de")
    assert done(2, 9) == "Früh beendet: beste Epoche 7"


def test_a_lesson_races_its_runs_with_one_seed(open_page: Callable[..., AppTest]) -> None:
    page = open_page(panel="PANEL_RUNS").run()
    page.text_input(key="seed").set_value("5")
    page.run()
    page.button(key="lesson-optimizers").click().run()
    assert [run.name for run in runs_of(page)] == [
        *("Gradient descent", "Momentum", "RMSprop", "Adam"),
    ]
    wait(page, lambda: all(run.snapshot and run.snapshot.step > 0 for run in runs_of(page)))
    assert {run.snapshot.seed for run in runs_of(page)} == {5}
    assert {run.snapshot.running for run in runs_of(page)} == {4}
    assert "4 runs share one worker" in text(page)


def test_a_new_run_beside_leaves_the_other_going(open_page: Callable[..., AppTest]) -> None:
    page = open_page(panel="PANEL_RUNS").run()
    small(page, epochs=1000)
    page.button(key="train").click().run()
    page.button(key="new-run").click().run()
    assert runs_of(page).controlled() is None
    assert not page.button(key="train").disabled
    page.button(key="train").click().run()
    wait(page, lambda: all(run.snapshot and run.snapshot.step > 0 for run in runs_of(page)))
    assert [run.live for run in runs_of(page)] == [True, True]
    page.selectbox(key="run-chosen").set_value("run-1")
    page.run()
    page.button(key="run-control").click().run()
    assert now(page).id == "run-1"
    page.button(key="run-delete").click().run()
    assert [run.id for run in runs_of(page)] == ["run-2"]
    assert len(visit.scheduler()) == 1


def test_fields_begin_with_what_they_hold_even_where_the_browser_missed_a_run(
    open_page: Callable[..., AppTest],
) -> None:
    page = open_page(recipe="deep", hidden="48,24", seed="7", batch_size="64").run()
    page.run()  # now the page sends no values any more: a browser has them, or shows the defaults
    deep = session_of(page).recipe
    texts = {"hidden": "48, 24", "learning_rate": "0.002", "dropout": "0.2"}
    texts |= {"epochs": str(deep.epochs), "samples": str(deep.samples)}
    fields = {"seed": "7"} | {f"{name}-deep": text for name, text in texts.items()}
    for key, text in fields.items():  # "-1": the page has filled in the fields once
        assert page.text_input(key=f"{key}-1").proto.default == text
    for key in ("recipe-name", "batch_size-deep", "optimizer-deep"):
        box = page.selectbox(key=f"{key}-1")
        assert box.proto.default == box.index


def test_what_is_changed_while_it_trains_is_taken_and_marked(
    open_page: Callable[..., AppTest],
) -> None:
    page = open_page().run()
    page.selectbox(key="recipe-name").set_value("deep")
    page.run()
    small(page, "deep", epochs=1000)
    page.button(key="train").click().run()
    wait(page, lambda: now(page).snapshot.step > 0)
    page.text_input(key="learning_rate-deep").set_value("0.0125")
    page.run()
    page.text_input(key="dropout-deep").set_value("0.4")
    page.selectbox(key="batch_size-deep").set_value(64)
    page.selectbox(key="optimizer-deep").set_value("momentum")
    page.run()
    wait(page, lambda: len(now(page).snapshot.marks) == 4)
    assert {mark.field: mark.after for mark in now(page).snapshot.marks} == {
        "learning_rate": 0.0125,
        "dropout": 0.4,
        "batch_size": 64,
        "optimizer": "momentum",
    }
    assert page.text_input(key="hidden-deep").disabled
    page.text_input(key="learning_rate-deep").set_value("-1.0")
    page.run()
    assert "above 0" in " ".join(shown(page.warning))
    assert now(page).recipe.learning_rate == 0.0125


def test_dropout_cannot_be_changed_in_a_network_without_it(
    open_page: Callable[..., AppTest],
) -> None:
    page = open_page().run()
    small(page, epochs=1000)
    page.button(key="train").click().run()
    wait(page, lambda: now(page).snapshot.step > 0)
    assert page.text_input(key="dropout-adam").disabled
    assert not page.text_input(key="learning_rate-adam").disabled


def test_step_takes_one_batch_where_that_was_chosen(open_page: Callable[..., AppTest]) -> None:
    page = open_page().run()
    page.selectbox(key="step-by").set_value("batches")
    page.run()
    for step in (1, 2, 3):
        page.button(key="step").click().run()
        wait(page, lambda: now(page).snapshot.state is State.PAUSED)
        assert now(page).snapshot.step == step


def test_slow_motion_holds_back_the_training_that_runs(open_page: Callable[..., AppTest]) -> None:
    page = open_page().run()
    page.selectbox(key="speed").set_value(1)
    page.run()
    page.button(key="train").click().run()
    wait(page, lambda: now(page).snapshot.step > 0)
    assert now(page).snapshot.step < 20
    page.selectbox(key="speed").set_value(0)
    page.run()
    wait(page, lambda: now(page).snapshot.step > 100)


def test_a_training_that_diverges_is_explained_and_fixed(
    open_page: Callable[..., AppTest],
) -> None:
    page = open_page().run()
    page.selectbox(key="recipe-name").set_value("wild")
    page.run()
    assert i18n.STORIES["wild"] in text(page)
    page.text_input(key="seed").set_value("3")
    page.run()
    failed = train(page)
    assert failed.snapshot.state is State.FAILED
    assert "overshoots" in text(page)
    page.button(key="fix").click().run()
    assert now(page) is not failed
    assert (now(page).recipe.learning_rate, now(page).seed) == (0.5, 3)
    assert page.text_input(key="learning_rate-wild-1").value == "0.5"
    wait(page, lambda: now(page).snapshot.epoch >= 1)
    assert now(page).snapshot.accuracy > 0.8
    assert now(page).name == "Too fast, fixed"


def test_a_live_fix_is_taken_and_shown_in_its_field(
    open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page().run()
    small(page, epochs=1000)
    page.button(key="train").click().run()
    wait(page, lambda: now(page).snapshot.step > 0)
    told = Hint("JUMPS", {"rate": 0.001, "jumps": 3, "points": 12}, {"learning_rate": 0.0005})
    monkeypatch.setattr(
        "ui.hints.hint", lambda run: told if run.recipe.learning_rate == 0.001 else None
    )
    page.run()
    page.button(key="fix").click().run()
    wait(page, lambda: bool(now(page).snapshot.marks))
    assert page.text_input(key="learning_rate-adam-1").value == "0.0005"
    assert page.text_input(key="epochs-adam-1").value == "1000"
    assert now(page).live
    assert len(runs_of(page)) == 1


def test_a_link_sets_recipe_and_seed(open_page: Callable[..., AppTest]) -> None:
    page = open_page(recipe="few", hidden="32,16", learning_rate="0.004", pen="0.5", seed="9").run()
    assert page.selectbox(key="recipe-name-1").value == "few"
    assert page.text_input(key="hidden-few-1").value == "32, 16"
    assert page.text_input(key="learning_rate-few-1").value == "0.004"
    assert page.text_input(key="samples-few-1").value == "500"
    assert page.text_input(key="seed-1").value == "9"
    assert session_of(page).recipe.pen == 0.5
    assert not page.warning


def test_a_link_with_a_wrong_value_is_told_and_the_usual_settings_are_used(
    open_page: Callable[..., AppTest],
) -> None:
    page = open_page(recipe="adam", hidden="7", epochs="-4", seed="9").run()
    assert "from 1 to 10,000, got -4" in shown(page.warning)[0]
    assert page.text_input(key="hidden-adam").value == "128"
    assert session_of(page).recipe == RECIPES["adam"]
    assert page.text_input(key="seed").value == "0"


def test_a_limit_is_told_in_a_sentence_and_the_runs_stay(
    open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(panel="PANEL_RUNS").run()
    small(page, epochs=1000)
    page.button(key="train").click().run()
    page.button(key="new-run").click().run()
    monkeypatch.setattr(visit.scheduler(), "limits", Limits(runs_per_visitor=1))
    page.button(key="train").click().run()
    assert "You may have 1 training runs at once" in shown(page.warning)[0]
    monkeypatch.setattr(visit.scheduler(), "limits", Limits(hidden_units=100))
    page.button(key="train").click().run()
    assert "allows 100 hidden units in all, not 128" in shown(page.warning)[0]
    monkeypatch.setattr(visit.scheduler(), "limits", Limits(server_bytes=15_000_000))
    page.button(key="train").click().run()
    assert "all training runs would take 43 MB of memory" in shown(page.warning)[0]
    assert [run.live for run in runs_of(page)] == [True]
    assert not page.exception


def test_trainings_that_a_reload_left_behind_make_room_for_a_new_one(
    open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_page().run()
    small(before, epochs=1000)
    before.button(key="train").click().run()
    left = now(before).training
    everyone = visit.scheduler()
    monkeypatch.setattr(everyone, "limits", Limits(runs_per_visitor=1))
    after = open_page().run()
    after.button(key="train").click().run()
    assert "at once" in shown(after.warning)[0]
    session_of(before).release()
    after.button(key="train").click().run()
    assert not after.warning
    assert everyone.look(left) is None
    assert now(after).live


def test_two_tabs_of_one_visitor_have_runs_of_their_own_and_one_shelf(
    open_page: Callable[..., AppTest], database: Path
) -> None:
    one, other = (open_page(panel="PANEL_RUNS").run() for _ in range(2))
    small(one)
    train(one)
    other.run()
    assert len(runs_of(other)) == 0
    one.button(key="run-keep").click().run()
    assert one.button(key="run-keep").disabled
    later = open_page(panel="PANEL_RUNS").run()
    assert later.selectbox(key="shelf-chosen").options[0].startswith("Adam, ")
    later.button(key="shelf-bring").click().run()
    [found] = runs_of(later)
    assert found.snapshot.points == now(one).snapshot.points
    later.button(key="run-control").click().run()
    x = np.random.default_rng(0).random((5, 784), np.float32)
    np.testing.assert_array_equal(found.network.predict_proba(x), now(one).network.predict_proba(x))
    later.button(key="shelf-delete").click().run()
    assert "shelf-chosen" not in [box.key for box in later.selectbox]
    assert len(runs_of(later)) == 1


def test_a_kept_run_is_renamed_on_the_shelf_too(
    open_page: Callable[..., AppTest], database: Path
) -> None:
    page = open_page(panel="PANEL_RUNS").run()
    small(page)
    train(page)
    page.button(key="run-keep").click().run()
    page.text_input(key="rename-run-1-Adam").set_value("mine")
    page.run()
    assert now(page).name == "mine"
    assert page.selectbox(key="shelf-chosen").options[0].startswith("mine, ")


def spoil(file: Path, how: str) -> Callable[[], None]:
    """Make the file of kept runs unusable; returns what ends that."""
    if how == "locked":
        connection = sqlite3.connect(file, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        return connection.close
    if how == "newer":
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA user_version = 999")
        connection.close()
    else:
        file.write_bytes(b"this is no database, but a text that is long enough" * 100)
    return lambda: None


@pytest.mark.parametrize(
    ("how", "says"),
    [("locked", "Another program"), ("newer", "newer version"), ("no database", "not")],
)
def test_a_database_in_trouble_is_told_and_the_page_goes_on(
    open_page: Callable[..., AppTest], database: Path, how: str, says: str
) -> None:
    page = open_page(panel="PANEL_RUNS").run()
    small(page)
    train(page)
    page.button(key="run-keep").click().run()
    assert not page.warning
    train(page)
    end = spoil(database, how)
    page.selectbox(key="run-chosen").set_value("run-2")
    page.run()
    page.button(key="run-keep").click().run()
    end()
    assert not page.exception
    assert says in shown(page.warning)[0]
    assert not page.button(key="run-keep").disabled
    assert [run.network is not None for run in runs_of(page)] == [True, True]
    if how == "locked":
        page.button(key="run-keep").click().run()
        assert not page.warning
        assert len(page.selectbox(key="shelf-chosen").options) == 2


def test_without_a_database_there_is_no_shelf_and_no_button(
    open_page: Callable[..., AppTest],
) -> None:
    page = open_page(panel="PANEL_RUNS").run()
    small(page)
    train(page)
    assert "run-keep" not in [button.key for button in page.button]
    assert i18n.SHELF not in text(page)


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.dense.W.npy", b"\0" * 300_000_000)
    return file.getvalue()


def pickled() -> bytes:
    file = io.BytesIO()
    np.savez(file, meta=np.array([{"a": 1}], dtype=object))
    return file.getvalue()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (bomb, "bytes"),
        (lambda: pickle.dumps({"W": 1}), "cannot be read"),
        (pickled, "pickle"),
        (lambda: b"", "complete"),
        (
            lambda: checkpoint_bytes(RECIPES["adam"].build_network(rng=np.random.default_rng(0)))[
                :999
            ],
            "complete",
        ),
    ],
    ids=["zip bomb", "pickle", "pickle within", "empty", "cut off"],
)
def test_a_hostile_or_broken_checkpoint_is_refused_with_a_sentence(
    open_page: Callable[..., AppTest], raw: Callable[[], bytes], says: str
) -> None:
    page = open_page(panel="PANEL_RUNS").run()
    uploader = next(each for each in page.file_uploader if each.key == "checkpoint")
    uploader.set_value(("evil.npz", raw(), "application/zip")).run()
    assert not page.exception
    assert "not loaded" in shown(page.warning)[0]
    assert says in shown(page.warning)[0]
    assert len(runs_of(page)) == 0


def test_a_checkpoint_becomes_a_run_that_reads(open_page: Callable[..., AppTest]) -> None:
    page = open_page(panel="PANEL_RUNS").run()
    recipe = RECIPES["adam"].replace(hidden=(24,), learning_rate=0.02)
    network = recipe.build_network(rng=np.random.default_rng(0))
    raw = checkpoint_bytes(network, recipe=recipe.to_dict(), seed=4, name="from home")
    uploader = next(each for each in page.file_uploader if each.key == "checkpoint")
    uploader.set_value(("file.npz", raw, "application/zip")).run()
    page.run()
    [run] = runs_of(page)
    assert (run.name, run.recipe, run.seed) == ("from home", recipe, 4)
    assert session_of(page).reader == run.id
    switch = next(each for each in page.segmented_control if each.label == i18n.READER)
    assert switch.options[-1] == "from home"


def test_a_run_that_raises_is_reported_and_another_can_be_trained(
    open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page().run()
    small(page)
    with monkeypatch.context() as patch:
        patch.setattr("ui.training.run.split_validation", lambda *_: 1 / 0)
        failed = train(page)
    assert failed.snapshot.state is State.FAILED
    assert i18n.FAILED in text(page)
    assert train(page).snapshot.state is State.FINISHED


def page_with_cookies(monkeypatch: pytest.MonkeyPatch, **cookies: str) -> AppTest:
    told = {name.replace("_", "-"): value for name, value in cookies.items()}
    monkeypatch.setattr(type(st.context), "cookies", told)
    return new_page().run()


@pytest.mark.usefixtures("open_page", "database")
def test_the_cookies_of_other_programs_on_this_host_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = "token-of-another-program"
    page = page_with_cookies(monkeypatch, visitor=theirs, lang="de")
    assert session_of(page).visitor != theirs
    assert session_of(page).language == "en"
    assert f"digit-lab-visitor={session_of(page).visitor};" in text(page)
    page = page_with_cookies(monkeypatch, digit_lab_visitor=VISITOR, digit_lab_language="de")
    assert session_of(page).visitor == VISITOR
    assert session_of(page).language == "de"


@pytest.mark.usefixtures("database")
def test_runs_kept_under_the_former_cookie_are_found_again(
    open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(panel="PANEL_RUNS").run()
    small(page)
    train(page)
    page.button(key="run-keep").click().run()
    later = page_with_cookies(monkeypatch, visitor=VISITOR)
    assert session_of(later).visitor == VISITOR
