"""Training in a real browser: curves grow, verdicts change, and the page stays calm."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.page import DESKTOP, NO_INK, PATIENCE, Visit, free_port, serve
from ui import i18n

pytestmark = pytest.mark.browser

# When, in milliseconds, the panel showed something new; changes within 150 ms are one update.
UPDATES = """async milliseconds => {
    const sidebar = document.querySelector('.stSidebar'), times = [];
    const state = () => [
        document.querySelector('.st-key-training-status').innerText,
        document.querySelector('.st-key-training-status [role=progressbar]').ariaValueNow,
        ...[...sidebar.querySelectorAll('.mark-line path')].map(path => path.getAttribute('d')),
    ].join();
    let last = state();
    const note = () => {
        const now = state();
        if (now === last) return;
        last = now;
        if (!times.length || performance.now() - times.at(-1) > 150) times.push(performance.now());
    };
    const observer = new MutationObserver(note);
    observer.observe(sidebar, {
        subtree: true, childList: true, characterData: true, attributes: true,
    });
    await new Promise(done => setTimeout(done, milliseconds));
    observer.disconnect();
    return times;
}"""
KEEP_SOCKETS = """const Native = WebSocket;
window.sockets = [];
window.WebSocket = class extends Native {
    constructor(...given) { super(...given); window.sockets.push(this); }
};"""
TOOLTIP_CHANGES = """() => {
    window.tooltipChanges = 0;
    const note = changes => { window.tooltipChanges += changes.length; };
    new MutationObserver(note).observe(document.querySelector('.vg-tooltip'), {
        subtree: true, childList: true, characterData: true, attributes: true,
    });
}"""
# Streamlit's command line, with runs that do not outlive their connection.
HURRIED = """
import sys
from streamlit.web import cli
from ui.training.scheduler import Scheduler
Scheduler.release = Scheduler.stop
sys.exit(cli.main())
"""
# Nodes that must stay the same ones while a training runs.
STEADY = (
    ".stVegaLiteChart svg.marks",
    "canvas.upper-canvas",
    ".st-key-verdict",
    ".st-key-training-status [role=progressbar]",
)


def long_training(visitor: Visit) -> Visit:
    """Start a training that no test sees the end of: four hundred epochs of Adam."""
    visitor.set_field("Epochs", "400")
    visitor.press("train")
    visitor.expect_epoch(1)
    return visitor


def short_training(visitor: Visit) -> Visit:
    """Go through one epoch of Adam."""
    visitor.set_field("Epochs", "1")
    visitor.press("train")
    expect(visitor.status).to_contain_text("Done: 1 epoch")
    return visitor


def test_curves_grow_and_a_drawing_made_meanwhile_gets_its_verdict(desk: Visit) -> None:
    assert desk.curve_points("Loss") == 0
    long_training(desk)
    expect(desk.page.get_by_role("radio", name="Yours")).to_be_checked()
    before = desk.curve_points("Loss"), desk.curve_points("Accuracy")
    epoch = desk.epoch()
    assert min(before) > 1
    desk.draw(7)
    desk.expect_digit(7)
    desk.expect_epoch(epoch + 2)
    assert desk.curve_points("Loss") > before[0]
    assert desk.curve_points("Accuracy") > before[1]
    assert desk.curve_points("Loss", "validation") >= 2
    desk.choose_reader("Best")
    desk.press("clear")
    desk.expect_blank()
    desk.draw(3)
    desk.expect_digit(3)
    assert desk.progress.get_attribute("aria-valuenow") is not None


def test_the_page_tells_of_a_training_more_than_once_a_second(desk: Visit) -> None:
    long_training(desk)
    times = desk.page.evaluate(UPDATES, 5000)
    assert len(times) >= 6  # ten, where nothing else runs


def test_the_network_changes_its_mind_with_the_epochs(desk: Visit) -> None:
    desk.draw(9)
    desk.expect_digit(9)
    desk.choose_recipe("Original")
    desk.press("train")
    seen = [tuple(desk.widths())]
    for epoch in (1, 3, 5):
        desk.expect_epoch(epoch)
        desk.expect_other_widths(seen[-1])
        seen.append(tuple(desk.widths()))
    assert len(set(seen)) == 4


def test_nothing_flickers_or_jumps_while_a_training_runs(desk: Visit) -> None:
    places = ("canvas.upper-canvas", ".st-key-verdict", ".bars", ".st-key-network-input", ".ways")
    desk.draw(7)
    desk.expect_digit(7)
    idle = [desk.box(place) for place in places]
    long_training(desk)
    desk.expect_curves(2)
    nodes = [desk.page.locator(place).first for place in STEADY]
    for node in nodes:
        node.evaluate("node => { node.tagged = true; }")
    panel = [chart.bounding_box() for chart in desk.page.locator(".stVegaLiteChart").all()]
    assert re.match(r"epoch [\d.]+ training 0\.\d{4} validation ", desk.point_at("Loss", 0.6))
    desk.page.evaluate(TOOLTIP_CHANGES)
    epoch = desk.epoch()
    desk.expect_epoch(epoch + 2)
    kept = [node.evaluate("node => node.tagged === true") for node in nodes]
    assert dict(zip(STEADY, kept, strict=True)) == dict.fromkeys(STEADY, True)
    assert desk.page.evaluate("window.tooltipChanges") == 0
    assert [desk.box(place) for place in places] == idle
    charts = desk.page.locator(".stVegaLiteChart").all()
    assert [chart.bounding_box() for chart in charts] == panel
    desk.press("stop")
    expect(desk.status).to_contain_text("stopped")
    assert [desk.box(place) for place in places] == idle


def test_a_training_that_is_done_reads_and_the_shipped_network_is_one_press_away(
    desk: Visit,
) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    short_training(desk)
    expect(desk.status).to_contain_text(re.compile(r"Test: 9\d\.\d\d %, \d+ errors in 10,000"))
    said = {title: desk.point_at(title, 0.97) for title in ("Loss", "Accuracy")}
    assert re.fullmatch(r"epoch 1 training 0\.\d{4} validation 0\.\d{4}", said["Loss"])
    assert re.fullmatch(r"epoch 1 training 9\d\.\d\d % validation 9\d\.\d\d %", said["Accuracy"])
    expect(desk.page.get_by_role("radio", name="Yours")).to_be_checked()
    desk.expect_digit(7)
    yours = desk.widths()
    expect(desk.button("reader-switch")).to_have_text("Read with Best again")
    desk.press("reader-switch")
    expect(desk.page.get_by_role("radio", name="Best")).to_be_checked()
    desk.expect_digit(7)
    expect(desk.button("reader-switch")).to_have_text("Read with yours")
    desk.expect_other_widths(yours)
    desk.press("reader-switch")
    expect(desk.page.get_by_role("radio", name="Yours")).to_be_checked()
    expect(desk.button("reader-switch")).to_have_text("Read with Best again")
    desk.choose_reader("Best")  # with the switch itself, the button's offer follows
    expect(desk.button("reader-switch")).to_have_text("Read with yours")
    desk.choose_reader("Yours")
    desk.expect_widths(yours)


def test_the_reader_that_was_chosen_stays_while_the_page_polls(desk: Visit) -> None:
    long_training(desk)
    for name in ("Best", "Yours") * 3:
        desk.press("reader-switch")
        radio = desk.page.get_by_role("radio", name=name)
        expect(radio).to_be_checked()
        points = desk.curve_points("Loss")
        desk.expect_curves(points + 3)
        expect(radio).to_be_checked()
        expect(desk.button("reader-switch")).to_contain_text("yours" if name == "Best" else "Best")


def test_pause_holds_still_and_resume_goes_on(desk: Visit) -> None:
    long_training(desk)
    desk.press("pause")
    expect(desk.status).to_contain_text("paused")
    expect(desk.button("pause")).to_have_text("Resume")
    desk.draw(7)
    desk.expect_some_digit()
    desk.page.evaluate(UPDATES, 500)  # the batch that was under way at the press is told by then
    held = desk.status.inner_text(), desk.curve_points("Loss"), desk.widths()
    assert desk.page.evaluate(UPDATES, 1500) == []
    desk.draw([[(10, 92), (20, 92)]])
    expect(desk.bars.locator(".fill").nth(7)).not_to_have_attribute("style", f"width:{held[2][7]}")
    assert (desk.status.inner_text(), desk.curve_points("Loss")) == held[:2]
    epoch = desk.epoch()
    desk.press("pause")
    expect(desk.button("pause")).to_have_text("Pause")
    desk.expect_epoch(epoch + 1)
    expect(desk.status).not_to_contain_text("paused")


def test_step_trains_one_epoch_and_pauses(desk: Visit) -> None:
    desk.press("step")
    expect(desk.status).to_contain_text("Epoch 1 of 10, paused")
    desk.press("step")
    expect(desk.status).to_contain_text("Epoch 2 of 10, paused")
    desk.draw(7)
    desk.expect_digit(7)
    expect(desk.status).to_contain_text("Epoch 2 of 10, paused")
    desk.press("pause")
    expect(desk.status).not_to_contain_text("paused")
    desk.expect_epoch(3)


def test_stop_ends_and_keeps_what_was_learned(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    long_training(desk)
    desk.press("stop")
    expect(desk.status).to_contain_text("stopped")
    expect(desk.button("stop")).to_be_disabled()
    expect(desk.button("train")).to_be_enabled()
    points = desk.curve_points("Loss")
    assert points > 1
    expect(desk.page.get_by_role("radio", name="Yours")).to_be_checked()
    desk.press("clear")
    desk.expect_blank()
    desk.draw(7)
    desk.expect_digit(7)
    assert desk.curve_points("Loss") == points


def test_a_reload_in_mid_training_starts_fresh_and_can_train_again(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    long_training(desk)
    desk.page.reload()
    desk.expect_usable()
    desk.expect_blank()
    expect(desk.status).to_contain_text("Ready to train")
    readers = desk.page.get_by_role("radiogroup", name="Read by").get_by_role("radio")
    expect(readers).to_have_text(["Best", "Original"])
    short_training(desk)


def test_a_lost_connection_that_comes_back_finds_the_training_going_on(
    visit: Callable[..., Visit],
) -> None:
    desk = visit(script=KEEP_SOCKETS)
    desk.draw(7)
    desk.expect_digit(7)
    long_training(desk)
    epoch, points = desk.epoch(), desk.curve_points("Loss")
    desk.context.set_offline(True)
    desk.page.evaluate("window.sockets.at(-1).close()")
    desk.page.evaluate(UPDATES, 300)  # what had arrived before is shown by then
    assert desk.page.evaluate(UPDATES, 1200) == []
    desk.context.set_offline(False)
    desk.page.wait_for_function("window.sockets.length > 1")
    desk.expect_epoch(epoch + 2)
    assert desk.curve_points("Loss") > points
    desk.expect_digit(7)
    expect(desk.verdict).not_to_contain_text("Train")
    desk.press("clear")
    desk.expect_blank()
    desk.draw(7)
    desk.expect_digit(7)
    told = ("CLOSING or CLOSED state", "when disconnected from server", "INTERNET_DISCONNECTED")
    desk.forgive(*told)


def test_a_run_lost_with_the_connection_is_continued_and_one_lost_with_the_server_is_told(
    chromium: Browser,
) -> None:
    port = free_port()
    with chromium.new_context(**DESKTOP) as context:
        context.add_init_script(KEEP_SOCKETS)
        with serve(port=port, program=("-c", HURRIED)) as address:
            desk = Visit(context, address).open()
            desk.draw(7)
            desk.expect_digit(7)
            desk.set_field("Digits used", "1000")
            desk.set_field("Epochs", "9999")
            desk.press("train")
            desk.expect_epoch(1)
            desk.page.evaluate("window.sockets.at(-1).close()")
            expect(desk.status).to_contain_text(i18n.LOST_CONTINUE)
            advice = desk.box(".st-key-advice")
            offer = desk.button("continue")
            expect(offer).to_have_text(re.compile(r"Continue from epoch \d+\.\d\d"))
            epoch = int(offer.inner_text().split()[-1].partition(".")[0])
            desk.press("continue")
            desk.expect_epoch(epoch + 2)
            marked = desk.page.locator('.stVegaLiteChart[aria-label^="Loss over"]')
            expect(marked).to_contain_text(i18n.CONTINUED)
            assert desk.box(".st-key-advice") == advice
            told = desk.page.locator(".stSidebar .forgotten")
            expect(told).to_be_hidden()
            desk.expect_digit(7)
            assert not desk.page.evaluate(NO_INK, desk.slate.element_handle())
        with serve(port=port):
            expect(told).to_have_text(i18n.FORGOTTEN, timeout=2 * PATIENCE)
            expect(told).to_be_visible()
            assert desk.box(".st-key-advice") == advice
            desk.expect_digit(7)
            assert not desk.page.evaluate(NO_INK, desk.slate.element_handle())
            desk.press("train")
            expect(told).to_be_hidden()
            gone = ("WebSocket", "disconnected", "ERR_CONNECTION", "endpoint", "not responding")
            desk.forgive(*gone)
            assert not desk.complaints()


def test_a_training_that_diverges_stops_by_itself_and_says_what_to_try(desk: Visit) -> None:
    desk.set_field("Learning rate", "1000")
    desk.press("train")
    expect(desk.status).to_contain_text("Training stopped by itself")
    expect(desk.status).to_contain_text(
        re.compile(r"diverged.* at step \d+; try a learning rate .*such as 100\b")
    )
    expect(desk.button("train")).to_be_enabled()
    desk.draw(7)
    desk.expect_some_digit()
    desk.choose_reader("Best")
    desk.expect_digit(7)
    desk.set_field("Learning rate", "0.001")
    short_training(desk)


def test_a_wrong_setting_is_told_with_what_is_allowed(desk: Visit) -> None:
    desk.set_field("Hidden units", "-5")
    alert = desk.page.locator(".stSidebar .stAlert")
    expect(alert).to_contain_text(re.compile(r"hidden.*from 1 to 4,096.*-5", re.IGNORECASE))
    expect(desk.button("train")).to_be_disabled()
    expect(desk.button("step")).to_be_disabled()
    desk.draw(7)
    desk.expect_digit(7)
    desk.set_field("Hidden units", "64")
    expect(alert).to_have_count(0)
    short_training(desk)


def test_no_request_leaves_the_machine(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    short_training(desk)
    desk.press("sample-3")
    desk.expect_some_digit()
    assert desk.hosts == {desk.address.removeprefix("http://")}
    assert desk.sockets


# Has a tab as Streamlit has it for a moment in each run: disabled, deaf to a press.
DISABLE = """tab => {
    const deaf = event => event.stopImmediatePropagation();
    tab.setAttribute('aria-disabled', 'true');
    tab.addEventListener('click', deaf);
    tab.enable = () => {
        tab.removeEventListener('click', deaf);
        tab.removeAttribute('aria-disabled');
    };
}"""


def test_a_tab_pressed_while_streamlit_has_it_disabled_opens_when_it_can(desk: Visit) -> None:
    desk.expect_rest()
    other, tab = (desk.page.get_by_role("tab", name=name) for name in ("Why", "Map"))
    for it in (other, tab):  # the one that is pressed last counts
        it.evaluate(DISABLE)
        it.evaluate("tab => tab.click()")
        expect(it).to_have_attribute("aria-selected", "false")
    for it in (tab, other):
        it.evaluate("tab => tab.enable()")
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(desk.page.get_by_role("tabpanel", name="Map")).to_be_visible()
    expect(other).to_have_attribute("aria-selected", "false")
