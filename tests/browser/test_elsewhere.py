"""The page, started from another folder: the settings of .streamlit/config.toml hold there, too."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.page import DESKTOP, ROOT, Visit, serve

pytestmark = pytest.mark.browser

SETTINGS = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
# Streamlit's command line, which writes at its end what its settings were.
TELL = """
import atexit, json, pathlib, signal, sys
from streamlit import config
from streamlit.web import cli

@atexit.register
def tell():
    found = {option.key: option.value for option in config.get_config_options().values()}
    pathlib.Path("settings.json").write_text(json.dumps(found, default=str))

signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # an end that atexit hears of
sys.exit(cli.main())
"""
COLOURS = """element => {
    const style = getComputedStyle(element);
    return [style.backgroundColor, style.color];
}"""


def rgb(colour: str) -> str:
    """A colour such as "#2A5A9B", as a browser tells it."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"rgb({red}, {green}, {blue})"


def flat(settings: dict, above: str = "") -> dict:
    """Settings of all sections: "theme.light.primaryColor" and so on."""
    found = {}
    for name, value in settings.items():
        inside = isinstance(value, dict)
        found |= flat(value, f"{above}{name}.") if inside else {f"{above}{name}": value}
    return found


def test_the_settings_hold_wherever_the_server_is_started(
    chromium: Browser, tmp_path: Path
) -> None:
    with serve(tmp_path / "log.txt", folder=tmp_path, program=("-c", TELL)) as address:
        for scheme in ("light", "dark"):
            with chromium.new_context(**DESKTOP, color_scheme=scheme) as context:
                visit = Visit(context, address).open()
                visit.draw(7)
                visit.expect_digit(7)
                theme = SETTINGS["theme"][scheme]
                for part, colours in ((".stApp", theme), (".stSidebar", theme["sidebar"])):
                    background, text = visit.page.locator(part).evaluate(COLOURS)
                    assert background == rgb(colours["backgroundColor"])
                    assert text == rgb(theme["textColor"])
                assert not visit.complaints()  # such as telemetry, which leaves the machine
    found = json.loads((tmp_path / "settings.json").read_text("utf-8"))
    expected = flat(SETTINGS)
    assert {name: found[name] for name in expected} == expected
    assert expected["browser.gatherUsageStats"] is False
    assert expected["client.showErrorDetails"] == "none"
    assert expected["runner.postScriptGC"] is False
