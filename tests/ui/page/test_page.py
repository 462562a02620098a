"""The page's logic, run by Streamlit's AppTest without a browser."""

from __future__ import annotations

import base64
import io
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from nn import RECIPES, load_network, save_checkpoint
from tests.helpers import shown
from tests.ui.visitor import SEVEN, drawn, new_page, session_of
from ui import eraser, i18n
from ui.page import visit
from ui.training.limits import Limits
from ui.training.snapshot import State
from ui.view import sentences


def html(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def verdict(page: AppTest) -> str:
    return next(body for body in html(page).split("<div") if 'class="verdict' in body)


def wait_until_trained(page: AppTest) -> None:
    waiting = threading.Event()
    for _ in range(200):
        page.run()
        if not training(page):
            return
        waiting.wait(0.05)
    raise AssertionError("the training did not end")


def step_once(page: AppTest) -> None:
    """Press Step, and wait until one epoch is trained."""
    page.button(key="step").click().run()
    waiting = threading.Event()
    for _ in range(200):
        page.run()
        if session_of(page).snapshot.state is State.PAUSED:
            return
        waiting.wait(0.05)
    raise AssertionError("the epoch did not end")


def training(page: AppTest) -> str | None:
    """The scheduler's id of the visitor's run; None when there is none."""
    return session_of(page).training


def test_a_blank_slate_invites_and_guesses_nothing(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert i18n.INVITATION in html(page)
    assert 'class="digit"' not in html(page)
    assert html(page).count("–</span>") >= 10


def test_a_drawn_seven_is_read_with_its_confidence(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    assert not page.exception
    assert '<span class="digit">7</span>' in verdict(page)
    assert "% sure" in verdict(page)
    assert html(page).count('class="bar') == 1 + 10
    assert session_of(page).reader == "best"


def test_clear_blanks_the_slate_though_the_old_drawing_is_still_there(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    page.button(key="clear").click().run()
    assert i18n.INVITATION in html(page)
    assert session_of(page).slate.start["objects"] == []


def picture_of(width: int, height: int) -> str:
    buffer = io.BytesIO()
    Image.new("1", (width, height)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize(
    "data",
    [
        picture_of(1025, 1024),
        "data:image/png;base64,AAAA",
        "data:image/png;base64,AAA",
        "no picture",
    ],
    ids=["large", "other", "cut off", "text"],
)
def test_a_slate_that_no_canvas_sent_is_refused_before_it_is_decoded(
    page: AppTest, data: str
) -> None:
    page.session_state["slate"] = {
        "drawing": {"raw": {"objects": [{"type": "Path"}]}, "data": data}
    }
    page.run()
    assert not page.exception
    assert [warning.value for warning in page.warning] == [i18n.SLATE_REFUSED]
    assert i18n.INVITATION in html(page)


def test_undo_takes_the_last_stroke_away(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    page.button(key="undo").click().run()
    assert len(session_of(page).slate.start["objects"]) == 1


def test_clear_is_undone_and_redone(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    for press, strokes in (("clear", 0), ("undo", 2), ("undo", 1), ("redo", 2), ("redo", 0)):
        page.button(key=press).click().run()
        assert len(session_of(page).slate.start["objects"]) == strokes


def test_the_eraser_removes_strokes_and_its_own_is_never_read(page: AppTest) -> None:
    wiped = [*SEVEN, ((80, 60), (80, 80))]
    objects = [
        {"path": [["M", *start], ["L", *end]], "stroke": colour, "strokeWidth": 22}
        for (start, end), colour in zip(wiped, ["white", "white", eraser.COLOUR], strict=True)
    ]
    for strokes in (SEVEN, wiped):
        sent = drawn(strokes)
        sent["drawing"]["raw"]["objects"] = objects[: len(strokes)]
        page.session_state["slate"] = sent
        page.run()
        assert not page.exception
        assert '<span class="digit">7</span>' in verdict(page)
    assert session_of(page).slate.start["objects"] == objects[1:2]


def test_the_pen_is_chosen_for_the_session(page: AppTest) -> None:
    page.run()
    page.segmented_control(key="pen").set_value("thick").run()
    page.segmented_control(key="language").set_value("de").run()
    assert page.segmented_control(key="pen").value == "thick"
    assert '"width": 34' in html(page)


@pytest.mark.parametrize("digit", range(10))
def test_a_sample_puts_strokes_on_the_slate(page: AppTest, digit: int) -> None:
    page.run()
    page.button(key=f"sample-{digit}").click().run()
    objects = session_of(page).slate.start["objects"]
    assert len(objects) == (2 if digit == 4 else 1)
    assert objects[0]["path"].startswith("M ")


def test_the_visitor_can_switch_to_the_original_network(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    by_best = verdict(page)
    session_of(page).read_with("original")
    page.run()
    assert not page.exception
    assert verdict(page) != by_best
    assert i18n.COMPARISON in html(page)
    assert html(page).count('class="way"') == 4


@pytest.mark.parametrize(
    "mark",
    [[], [((0, 176), (352, 176)), ((176, 0), (176, 352))], [((176, 176), (177, 176))]],
    ids=["nothing", "a cross over the edges", "a dot"],
)
def test_odd_marks_raise_nothing(page: AppTest, mark: list) -> None:
    page.session_state["slate"] = drawn(mark)
    page.run()
    assert not page.exception


def test_train_runs_to_the_end_and_the_page_reads_with_the_new_network(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    page.text_input(key="epochs-adam").set_value("1")
    page.run()
    page.button(key="train").click().run()
    assert not page.exception
    assert page.text_input(key="epochs-adam").disabled
    wait_until_trained(page)
    assert not page.exception
    assert session_of(page).reader == "yours"
    assert session_of(page).snapshot.state is State.FINISHED
    assert sentences.done(session_of(page).snapshot) == "Done: 1 epoch"
    assert "Done: 1 epoch" in html(page)
    assert "errors in 10,000" in html(page)
    page.button(key="reader-switch").click().run()
    page.run()
    assert session_of(page).reader == "best"


def test_step_from_rest_trains_one_epoch_and_pauses(page: AppTest) -> None:
    page.run()
    page.button(key="step").click().run()
    waiting = threading.Event()
    for _ in range(200):
        page.run()
        run = session_of(page).snapshot
        if run.state is State.PAUSED:
            break
        waiting.wait(0.05)
    assert run.position == 1.0
    assert i18n.RESUME in [button.label for button in page.button]
    session_of(page).pressed = True  # as if this press had arrived once before
    page.button(key="pause").click().run()
    waiting.wait(0.2)
    page.run()
    assert session_of(page).snapshot.position == 1.0
    page.button(key="pause").click().run()
    assert page.button(key="pause").disabled  # a press that comes now was for "Resume"
    for _ in range(200):
        page.run()
        if session_of(page).snapshot.position > 1.0:
            break
        waiting.wait(0.05)
    assert session_of(page).snapshot.position > 1.0
    page.button(key="stop").click().run()
    assert training(page) is None
    assert i18n.STOPPED in html(page)
    reader = next(each for each in page.segmented_control if each.label == i18n.READER)
    assert reader.options[-1] == "Yours"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("hidden-adam", "-5", "from 1 to 4,096"),
        ("hidden-adam", "many", "Hidden units: expected one whole number per layer"),
        ("hidden-adam", "12.5", "such as 32, 16; got '12.5'"),
        ("epochs-adam", "0", "from 1 to 10,000"),
        ("epochs-adam", "2.5", "Epochs: expected a whole number"),
        ("samples-adam", "10,000", "expected a number such as 10, without a thousands separator"),
        ("seed", "-1", "Random seed: "),
        ("seed", "", "Random seed: expected a number such as 10"),
        ("learning_rate-adam", "-1.0", "above 0"),
        ("learning_rate-adam", "0", "above 0"),
        ("learning_rate-adam", "1,000", "expected a number such as 0.02"),
        ("dropout-adam", "half", "Dropout: expected a number"),
        ("dropout-adam", "1", "from 0 to below 1"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_allowed(
    page: AppTest, key: str, value: str, says: str
) -> None:
    page.run()
    page.text_input(key=key).set_value(value)
    page.run()
    assert not page.exception
    assert says in shown(page.error)[0]
    assert page.button(key="train").disabled


def test_a_diverging_training_says_why_and_the_page_goes_on(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    page.text_input(key="learning_rate-adam").set_value("1000")
    page.run()
    page.button(key="train").click().run()
    wait_until_trained(page)
    assert not page.exception
    assert session_of(page).snapshot.state is State.FAILED
    assert "training diverged" in html(page)
    assert "try a learning rate" in html(page)
    assert not page.button(key="train").disabled


def test_a_full_server_says_so_and_keeps_what_was_trained(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.run()
    page.text_input(key="epochs-adam").set_value("1")
    page.run()
    page.button(key="train").click().run()
    wait_until_trained(page)
    monkeypatch.setattr(visit.scheduler(), "limits", Limits(runs=0))
    page.button(key="train").click().run()
    assert "Try again when one has ended" in shown(page.warning)[0]
    assert session_of(page).snapshot.state is State.FINISHED


def test_a_dropped_run_is_reported_and_its_network_kept(page: AppTest) -> None:
    page.run()
    step_once(page)
    visit.scheduler().stop(training(page))
    page.run()
    assert not page.exception
    assert training(page) is None
    assert i18n.LOST_CONTINUE in html(page)
    assert session_of(page).snapshot.network is not None


def test_a_dropped_run_goes_on_from_its_last_snapshot(page: AppTest) -> None:
    page.run()
    page.text_input(key="epochs-adam").set_value("3")
    page.text_input(key="samples-adam").set_value("3000")
    page.run()
    assert "continue" not in [button.key for button in page.button]
    step_once(page)
    before = session_of(page).snapshot
    visit.scheduler().stop(training(page))
    page.run()
    page.text_input(key="epochs-adam").set_value("50")  # for another run
    page.run()
    assert page.button(key="continue").label == "Continue from epoch 1.00"
    page.button(key="continue").click().run()
    assert page.text_input(key="epochs-adam-1").value == "3"
    wait_until_trained(page)
    [run] = session_of(page).runs
    after = run.snapshot
    assert (after.state, after.epoch, after.step) == (State.FINISHED, 3, 3 * before.step)
    assert after.points[: len(before.points)] == before.points
    epochs = [point.epoch for point in after.points]
    assert epochs == sorted(set(epochs))
    assert epochs[-1] == 3
    assert [(mark.epoch, mark.field) for mark in after.marks] == [(1.0, "trainer")]
    assert after.points[len(before.points)].loss < before.points[0].loss / 2  # not anew
    assert [moment.epoch for moment in after.moments] == sorted(m.epoch for m in after.moments)
    assert "continue" not in [button.key for button in page.button]


def test_a_continued_run_that_is_stopped_holds_nothing_twice(page: AppTest) -> None:
    page.run()
    step_once(page)
    before = session_of(page).snapshot
    visit.scheduler().stop(training(page))
    page.run()
    page.button(key="continue").click().run()
    session = session_of(page)
    [run] = session.runs
    assert run.earlier is not None
    session.end(run)
    assert run.earlier is None
    assert run.snapshot.points[: len(before.points)] == before.points


def test_a_dropped_run_that_was_not_seen_can_only_be_trained_again(page: AppTest) -> None:
    page.run()
    session = session_of(page)
    run = session.start(RECIPES["adam"], 0, "Adam")
    session.scheduler.stop(run.training)
    page.run()
    assert i18n.LOST in html(page)
    assert "continue" not in [button.key for button in page.button]


def test_a_dropped_run_stays_as_it_is_where_the_server_has_no_room(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.run()
    step_once(page)
    visit.scheduler().stop(training(page))
    page.run()
    monkeypatch.setattr(visit.scheduler(), "limits", Limits(runs=0))
    page.button(key="continue").click().run()
    assert "Try again when one has ended" in shown(page.warning)[0]
    assert "continue" in [button.key for button in page.button]


def spoil(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif how == "no checkpoint":
        path.write_bytes(b"hello")
    elif how == "NaN":
        network = load_network(path)
        with np.load(path) as archive:
            arrays = dict(archive)
        arrays["0.dense.W"] = np.full_like(arrays["0.dense.W"], np.nan)
        assert network.params.size
        np.savez(path, **arrays)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of small networks in place of the shipped ones."""
    for name in visit.SHIPPED:
        network = RECIPES["adam"].replace(hidden=(8,)).build_network(rng=np.random.default_rng(0))
        save_checkpoint(tmp_path / f"{name}.npz", network)
    monkeypatch.setattr(visit, "WEIGHTS", tmp_path)
    return tmp_path


@pytest.mark.parametrize("how", ["missing", "truncated", "no checkpoint", "NaN"])
def test_a_spoilt_checkpoint_is_named_and_the_page_goes_on_with_the_other(
    page: AppTest, weights: Path, how: str
) -> None:
    spoil(weights / "best.npz", how)
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    assert not page.exception
    assert "best.npz" in shown(page.warning)[0]
    assert session_of(page).reader == "original"
    assert 'class="digit"' in html(page)


def test_without_any_checkpoint_the_page_asks_to_train(page: AppTest, weights: Path) -> None:
    for name in visit.SHIPPED:
        spoil(weights / f"{name}.npz", "missing")
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    assert not page.exception
    assert i18n.NO_READER in shown(page.warning)
    assert not page.button(key="train").disabled


def test_two_visitors_do_not_see_each_others_training(page: AppTest) -> None:
    other = new_page()
    page.run()
    page.text_input(key="epochs-adam").set_value("1")
    page.run()
    page.button(key="train").click().run()
    other.run()
    assert training(other) is None
    assert i18n.IDLE_STATUS in html(other)
    wait_until_trained(page)
    other.run()
    assert session_of(other).reader == "best"


def test_all_visitors_share_one_worker(page: AppTest) -> None:
    page.run()
    workers = [thread for thread in threading.enumerate() if thread.name == "scheduler"]
    new_page().run()
    assert [thread for thread in threading.enumerate() if thread.name == "scheduler"] == workers
    assert len(workers) == 1
