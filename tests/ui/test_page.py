"""The page's logic, run by Streamlit's AppTest without a browser."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from nn import RECIPES, load_network, save_checkpoint
from ui import session, texts
from ui.scheduler.limits import Limits
from ui.scheduler.snapshot import State

ROOT = Path(__file__).parent.parent.parent
SEVEN = [((80, 70), (250, 70)), ((250, 70), (150, 290))]


@pytest.fixture
def page() -> Iterator[AppTest]:
    """The page of one visitor, not run yet; the server's learners end with it."""
    st.cache_resource.clear()
    yield AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    session.learners().close()
    st.cache_resource.clear()


def drawn(strokes: list[tuple[tuple[int, int], tuple[int, int]]], side: int = 352) -> dict:
    """What the canvas sends after these strokes."""
    picture = Image.new("RGBA", (side, side), (11, 16, 28, 255))
    brush = ImageDraw.Draw(picture)
    for stroke in strokes:
        brush.line(stroke, fill=(244, 241, 232, 255), width=22)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    data = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return {"drawing": {"raw": {"objects": [{"type": "Path"} for _ in strokes]}, "data": data}}


def html(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def verdict(page: AppTest) -> str:
    return next(body for body in html(page).split("<div") if 'class="verdict' in body)


def wait_until_trained(page: AppTest) -> None:
    waiting = threading.Event()
    for _ in range(200):
        page.run()
        if not learner(page):
            return
        waiting.wait(0.05)
    raise AssertionError("the training did not end")


def state(page: AppTest, key: str) -> Any:
    """What the session holds under `key`; None without it."""
    return page.session_state.get(key)


def run_of(page: AppTest) -> Any:
    """The run that the panel controls; None when it controls none."""
    runs = state(page, "runs")
    return runs.now() if runs else None


def learner(page: AppTest) -> str | None:
    """The id of the visitor's learner; None when there is none."""
    run = run_of(page)
    return run.learner if run else None


def test_a_blank_slate_invites_and_guesses_nothing(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert texts.INVITATION in html(page)
    assert 'class="digit"' not in html(page)
    assert html(page).count("–</span>") >= 10


def test_a_drawn_seven_is_read_with_its_confidence(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    assert not page.exception
    assert '<span class="digit">7</span>' in verdict(page)
    assert "% sure" in verdict(page)
    assert html(page).count('class="bar') == 1 + 10
    assert page.session_state["reader"] == "best"


def test_clear_blanks_the_slate_though_the_old_drawing_is_still_there(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    page.button(key="clear").click().run()
    assert texts.INVITATION in html(page)
    assert state(page, "slate-start")["objects"] == []


def test_undo_takes_the_last_stroke_away(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    page.button(key="undo").click().run()
    assert len(state(page, "slate-start")["objects"]) == 1


@pytest.mark.parametrize("digit", range(10))
def test_a_sample_puts_strokes_on_the_slate(page: AppTest, digit: int) -> None:
    page.run()
    page.button(key=f"sample-{digit}").click().run()
    objects = state(page, "slate-start")["objects"]
    assert len(objects) == (2 if digit == 4 else 1)
    assert objects[0]["path"].startswith("M ")


def test_the_visitor_can_switch_to_the_original_network(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    by_best = verdict(page)
    page.session_state["reader"] = "original"
    page.run()
    assert not page.exception
    assert verdict(page) != by_best
    assert texts.COMPARISON in html(page)
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
    page.number_input(key="epochs-adam").set_value(1)
    page.run()
    page.button(key="train").click().run()
    assert not page.exception
    assert page.number_input(key="epochs-adam").disabled
    wait_until_trained(page)
    assert not page.exception
    assert state(page, "reader") == "yours"
    assert run_of(page).snapshot.state is State.FINISHED
    assert texts.done(1) in html(page)
    assert "errors in 10,000" in html(page)
    page.button(key="read-with-best").click().run()
    page.run()
    assert state(page, "reader") == "best"


def test_step_from_rest_trains_one_epoch_and_pauses(page: AppTest) -> None:
    page.run()
    page.button(key="step").click().run()
    waiting = threading.Event()
    for _ in range(200):
        page.run()
        run = run_of(page).snapshot
        if run.state is State.PAUSED:
            break
        waiting.wait(0.05)
    assert run.position == 1.0
    assert texts.RESUME in [button.label for button in page.button]
    page.button(key="stop").click().run()
    assert learner(page) is None
    assert texts.STOPPED in html(page)
    reader = next(each for each in page.segmented_control if each.label == texts.READER)
    assert reader.options[-1] == "Yours"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("hidden-adam", "-5", "from 1 to 4,096"),
        ("hidden-adam", "many", "512, 256"),
        ("hidden-adam", "12.5", "512, 256"),
        ("epochs-adam", 0, "from 1 to 10,000"),
        ("learning_rate-adam", -1.0, "above 0"),
        ("learning_rate-adam", 0.0, "above 0"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_allowed(
    page: AppTest, key: str, value: object, says: str
) -> None:
    page.run()
    widget = page.text_input(key=key) if "hidden" in key else page.number_input(key=key)
    widget.set_value(value)
    page.run()
    assert not page.exception
    assert says in page.error[0].value
    assert page.button(key="train").disabled


def test_a_diverging_training_says_why_and_the_page_goes_on(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    page.number_input(key="learning_rate-adam").set_value(1000.0)
    page.run()
    page.button(key="train").click().run()
    wait_until_trained(page)
    assert not page.exception
    assert run_of(page).snapshot.state is State.FAILED
    assert "training diverged" in html(page)
    assert "try a learning rate" in html(page)
    assert not page.button(key="train").disabled


def test_a_full_server_says_so_and_keeps_what_was_trained(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.run()
    page.number_input(key="epochs-adam").set_value(1)
    page.run()
    page.button(key="train").click().run()
    wait_until_trained(page)
    monkeypatch.setattr(session.learners(), "_limits", Limits(learners=0))
    page.button(key="train").click().run()
    assert "Try again when one has ended" in page.warning[0].value
    assert run_of(page).snapshot.state is State.FINISHED


def test_a_dropped_learner_is_told_and_its_network_kept(page: AppTest) -> None:
    page.run()
    page.button(key="step").click().run()
    waiting = threading.Event()
    for _ in range(200):
        page.run()
        if run_of(page).snapshot.state is State.PAUSED:
            break
        waiting.wait(0.05)
    session.learners().stop(learner(page))
    page.run()
    assert not page.exception
    assert learner(page) is None
    assert texts.LOST in html(page)
    assert run_of(page).snapshot.network is not None


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
    for name in session.SHIPPED:
        network = RECIPES["adam"].replace(hidden=(8,)).build_network(rng=np.random.default_rng(0))
        save_checkpoint(tmp_path / f"{name}.npz", network)
    monkeypatch.setattr(session, "WEIGHTS", tmp_path)
    return tmp_path


@pytest.mark.parametrize("how", ["missing", "truncated", "no checkpoint", "NaN"])
def test_a_spoilt_checkpoint_is_named_and_the_page_goes_on_with_the_other(
    page: AppTest, weights: Path, how: str
) -> None:
    spoil(weights / "best.npz", how)
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    assert not page.exception
    assert "best.npz" in page.warning[0].value
    assert state(page, "reader") == "original"
    assert 'class="digit"' in html(page)


def test_without_any_checkpoint_the_page_asks_to_train(page: AppTest, weights: Path) -> None:
    for name in session.SHIPPED:
        spoil(weights / f"{name}.npz", "missing")
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    assert not page.exception
    assert texts.NO_READER in [warning.value for warning in page.warning]
    assert not page.button(key="train").disabled


def test_two_visitors_do_not_see_each_others_training(page: AppTest) -> None:
    other = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    page.run()
    page.number_input(key="epochs-adam").set_value(1)
    page.run()
    page.button(key="train").click().run()
    other.run()
    assert learner(other) is None
    assert texts.IDLE_STATUS in html(other)
    wait_until_trained(page)
    other.run()
    assert other.session_state["reader"] == "best"


def test_all_visitors_share_one_worker(page: AppTest) -> None:
    page.run()
    workers = [thread for thread in threading.enumerate() if thread.name == "learners"]
    AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
    assert [thread for thread in threading.enumerate() if thread.name == "learners"] == workers
    assert len(workers) == 1
