"""The training lab in a real browser: knobs, steps, the film, the race, links, kept runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.page import DESKTOP, Visit, serve
from tests.browser.test_looks import overflow

pytestmark = pytest.mark.browser

LONG = 90_000  # milliseconds for a race of four on a loaded machine


def panel(visitor: Visit, name: str) -> Locator:
    """Open a tab, and wait for what is in it."""
    visitor.page.get_by_role("tab", name=name, exact=True).click()
    shown = visitor.page.get_by_role("tabpanel", name=name, exact=True)
    expect(shown).to_be_visible()
    return shown


def large(visitor: Visit, begins: str) -> Locator:
    """A chart of the panel Training, by how its description begins."""
    return visitor.page.locator(f'.stVegaLiteChart[aria-label^="{begins} over"]')


def choose(within: Locator, box: str, option: str) -> None:
    """Pick an option of a box further down; its list closes when the page scrolls."""
    found = within.get_by_role("combobox", name=box)
    found.scroll_into_view_if_needed()
    found.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
    found.click()
    within.page.get_by_role("option", name=option).click()


def quick(visitor: Visit, epochs: int = 2) -> None:
    """Go through a training on a thousand digits."""
    visitor.set_field("Digits used", "1000")
    visitor.set_field("Epochs", str(epochs))
    visitor.press("train")
    expect(visitor.status).to_contain_text("Done")


def result_of(visitor: Visit) -> str:
    """The result on the test set, as the status words it."""
    found = re.search(r"Test: .*", visitor.status.inner_text())
    assert found is not None
    return found[0]


def test_a_learning_rate_changed_in_mid_run_is_marked_on_the_charts(desk: Visit) -> None:
    desk.set_field("Epochs", "400")
    desk.press("train")
    desk.expect_epoch(1)
    desk.set_field("Learning rate", "0.005")
    for begins in ("Loss", "Accuracy"):
        expect(large(desk, begins)).to_contain_text("Learning rate 0.001 → 0.005")
    epoch = desk.epoch()
    desk.expect_epoch(epoch + 1)
    field = desk.page.get_by_role("textbox", name="Learning rate")
    expect(field).to_have_value("0.005")
    expect(field).to_be_enabled()
    desk.page.get_by_role("combobox", name="Optimizer").click()
    desk.page.get_by_role("option", name="Momentum").click()
    expect(large(desk, "Loss")).to_contain_text("Optimizer Adam → Momentum")
    with desk.page.expect_download() as download:
        desk.press("curves-csv")
    text = download.value.path().read_text("utf-8")
    assert text.startswith("epoch,step,quantity,series,value\n")
    assert re.search(r"^[\d.]+,\d*,learning_rate,change,0.005$", text, re.MULTILINE)
    expect(desk.page.get_by_role("textbox", name="Epochs")).to_be_disabled()


def test_single_batches_are_stepped_through_and_resumed(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    desk.page.get_by_role("combobox", name="Step by").click()
    desk.page.get_by_role("option", name="Step: batch").click()
    desk.press("step")
    expect(desk.status).to_contain_text(re.compile(r"Step 1\b"))
    widths = desk.widths()
    desk.press("step")
    expect(desk.status).to_contain_text(re.compile(r"Step 2\b"))
    desk.expect_other_widths(widths)  # one batch has moved the bars
    expect(desk.status).to_contain_text("Epoch 0 of 10, paused")
    desk.press("pause")
    expect(desk.status).not_to_contain_text("paused")
    desk.expect_epoch(1)
    desk.press("pause")
    expect(desk.status).to_contain_text("paused")


def test_a_press_that_a_poll_sends_as_well_counts_once(visit: Callable[..., Visit]) -> None:
    late = """
        const soon = window.setTimeout;  // Streamlit sends a press by it, less than a poll later
        window.setTimeout = (act, delay, ...more) => soon(act, delay || 350, ...more);
    """
    desk = visit(script=late)
    desk.page.get_by_role("combobox", name="Step by").click()
    desk.page.get_by_role("option", name="Step: batch").click()
    for step in range(1, 8):
        desk.press("step")
        expect(desk.status).to_contain_text(re.compile(rf"paused.*Step {step}\b"))


def test_slow_motion_can_be_watched_batch_by_batch(desk: Visit) -> None:
    desk.page.get_by_role("combobox", name="Speed").click()
    desk.page.get_by_role("option", name="10 batches").click()
    desk.press("train")
    desk.page.get_by_role("radio", name="By batch").click()
    line = large(desk, "Loss").locator(".mark-line path")
    expect(line).to_have_attribute("d", re.compile("(L.*){3}"))
    few = (line.get_attribute("d") or "").count("L")
    expect(line).to_have_attribute("d", re.compile(f"(L.*){{{few + 4}}}"))
    desk.press("pause")
    expect(desk.status).to_contain_text("Epoch 0 of 10, paused")


def test_the_training_is_scrubbed_and_played_through_time(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    quick(desk, epochs=4)
    film = panel(desk, "Through time")
    slider = film.get_by_role("slider", name="Snapshot of the run")
    expect(film.locator(".film-place")).to_contain_text("Epoch 4.00")
    expect(film.locator(".film-verdict")).to_contain_text("It read 7")
    last = slider.input_value()
    fill = film.locator(".film-row .fill").nth(7)
    now, tile = fill.get_attribute("style"), film.locator(".picture").first
    place = tile.get_attribute("style")
    slider.press("Home")
    expect(film.locator(".film-place")).to_contain_text(re.compile(r"Epoch 0\.\d\d, step \d+$"))
    expect(fill).not_to_have_attribute("style", now or "")
    expect(tile).not_to_have_attribute("style", place or "")
    film.get_by_role("button", name="Play").press("Enter")
    expect(slider).to_have_js_property("value", last)
    expect(fill).to_have_attribute("style", now or "")
    film.get_by_role("button", name="Best: epoch").click()
    expect(film.locator(".film-place")).to_contain_text(re.compile(r"Epoch [1-4]\.00"))
    slider.press("Home")
    held = slider.get_attribute("aria-valuetext") or ""
    desk.press("clear")
    desk.draw(3)  # another drawing is read at the moment that was chosen
    expect(slider).not_to_have_attribute("aria-valuetext", held)
    expect(slider).to_have_js_property("value", "0")


def test_four_optimizers_race_to_the_end(desk: Visit) -> None:
    race = panel(desk, "Runs")
    desk.press("lesson-optimizers")
    rows = race.locator(".runs tbody tr")
    expect(rows).to_have_count(4)
    expect(desk.status).to_contain_text(re.compile(r"[234] runs share one worker"))
    for row in range(4):
        expect(rows.nth(row)).to_contain_text("done", timeout=LONG)
    names = race.locator(".runs tbody th").all_inner_texts()
    assert names == ["Gradient descent", "Momentum", "RMSprop", "Adam"]
    adam = rows.nth(3).locator("td").all_inner_texts()
    assert adam[1].startswith("784-128-10, Adam 0.001")
    assert {row.locator("td").nth(2).inner_text() for row in rows.all()} == {"0"}
    best, test = (float(cell.removesuffix(" %")) for cell in adam[4:6])
    assert 90 < test < best < 99
    chart = desk.page.locator('.stVegaLiteChart[aria-label^="Validation accuracy of all"]')
    lines = chart.locator(".mark-line path")
    expect(lines).to_have_count(4)
    assert {(line.get_attribute("d") or "").count("L") for line in lines.all()} == {11}
    choose(race, "Selected run", "Adam")
    desk.press("run-use")
    expect(desk.page.get_by_role("radio", name="Adam")).to_be_checked()
    desk.draw(7)
    desk.expect_digit(7)
    race.get_by_role("radio", name="By seconds").click()
    expect(race.get_by_role("radio", name="By seconds")).to_be_checked()
    expect(lines).to_have_count(4)


def test_a_dense_network_races_a_convolution(desk: Visit) -> None:
    race = panel(desk, "Runs")
    desk.press("lesson-convolution")
    rows = race.locator(".runs tbody tr")
    for row, sizes in enumerate(("784-68-10", "784-8×5×5-16×5×5-64-10")):
        expect(rows.nth(row)).to_contain_text("done", timeout=LONG)
        expect(rows.nth(row)).to_contain_text(sizes)
    dense, convolution = (
        float(row.locator("td").nth(5).inner_text().removesuffix(" %")) for row in rows.all()
    )
    assert dense + 2 < convolution


def test_a_link_gives_another_visitor_the_same_final_accuracy(
    visit: Callable[..., Visit], chromium: Browser, address: str
) -> None:
    one = visit()
    one.choose_recipe("Too few")
    one.set_field("Hidden units", "48, 24")
    one.set_field("Learning rate", "0.003")
    one.set_field("Epochs", "3")
    one.set_field("Random seed", "11")
    one.page.get_by_role("button", name="Link to these settings").click()
    link = one.page.locator(".stPopoverBody code, [data-testid=stPopoverBody] code").inner_text()
    assert link.startswith(f"{address}/?recipe=few&hidden=48,24")
    one.page.keyboard.press("Escape")
    one.press("train")
    expect(one.status).to_contain_text("Done: 3 epochs")
    other = visit()
    other.page.goto(link)
    other.expect_usable()
    expect(other.page.get_by_role("textbox", name="Hidden units")).to_have_value("48, 24")
    expect(other.page.get_by_role("textbox", name="Random seed")).to_have_value("11")
    other.press("train")
    expect(other.status).to_contain_text("Done: 3 epochs")
    assert result_of(other) == result_of(one)


def test_a_hint_mends_what_diverged(desk: Visit) -> None:
    desk.choose_recipe("Too fast")
    advice = desk.page.locator(".st-key-advice")
    expect(advice).to_contain_text("See it fail, then fix it")
    size = advice.bounding_box()
    desk.press("train")
    expect(advice).to_contain_text("overshoots the minimum")
    assert advice.bounding_box() == size  # nothing moves below it
    desk.press("fix")
    expect(desk.page.get_by_role("textbox", name="Learning rate")).to_have_value("0.5")
    desk.expect_epoch(1)
    expect(desk.status).to_contain_text(re.compile(r"9\d\.\d\d % training"))


@pytest.fixture
def keeping(chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """A page on a server that keeps runs."""
    monkeypatch.setenv("DIGIT_LAB_DATABASE", f"sqlite:///{tmp_path / 'runs.sqlite3'}")
    with serve(tmp_path / "log.txt") as url:
        context = chromium.new_context(**DESKTOP)
        visitor = Visit(context, url).open()
        yield visitor
        complaints = visitor.complaints()
        context.close()
    assert not complaints


def test_a_kept_run_is_found_again_after_a_reload(keeping: Visit) -> None:
    quick(keeping)
    panel(keeping, "Runs")
    keeping.press("run-keep")
    expect(keeping.button("run-keep")).to_have_text("Kept")
    told = result_of(keeping)
    keeping.page.reload()
    keeping.expect_usable()
    expect(keeping.status).to_contain_text("Ready to train")
    runs = panel(keeping, "Runs")
    expect(runs.get_by_role("combobox", name="Kept runs")).to_have_value(re.compile("^Adam, "))
    keeping.press("shelf-bring")
    expect(runs.locator(".runs tbody tr")).to_have_count(1)
    keeping.press("run-control")
    expect(keeping.status).to_contain_text(told)
    with keeping.page.expect_download() as download:
        keeping.press("run-download")
    assert download.value.suggested_filename == "adam.npz"


def test_the_panels_fit_a_phone(phone: Visit) -> None:
    phone.page.get_by_test_id("stExpandSidebarButton").click()
    phone.set_field("Epochs", "400")
    phone.page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").tap()
    phone.button("strip-train").tap()
    expect(phone.strip).to_contain_text(re.compile(r"Epoch [1-9]"))
    for name in ("Training", "Through time", "Runs"):
        panel(phone, name)
        if name == "Through time":
            expect(phone.page.get_by_role("slider")).to_be_visible()
        assert overflow(phone) <= 0, name
    phone.button("strip-stop").tap()
    expect(phone.strip).to_contain_text("stopped")
