"""The house's order: imports go one way, and every room can be read at a sitting."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = sorted((ROOT / "ui").rglob("*.py"))
LINES = {"ui": 300, "nn": 400}  # at most; what is a table of data stands in a data file
CONTENTS = 90  # lines of app.py
STREAMLIT = {"streamlit", "streamlit_drawable_canvas"}
# Where numbers become words, pictures and charts, and where the learners are: no page there.
PURE = {
    "charts",
    "figures",
    "scheduler.learner",
    "scheduler.learners",
    "scheduler.snapshot",
    "stops",
    "texts",
}


def drawing_rooms() -> set[str]:
    """The modules that may know Streamlit, by the linter's exceptions in pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    exceptions = settings["tool"]["ruff"]["lint"]["per-file-ignores"]
    found = set()
    for pattern, rules in exceptions.items():
        if "TID251" in rules and pattern.startswith("ui/"):
            before, names, after = re.fullmatch(r"([^{]*)\{?([^}]*?)\}?(\.py)", pattern).groups()
            found |= {f"{before}{name}{after}" for name in names.split(",")}
    return {name(ROOT / path) for path in found}


def name(path: Path) -> str:
    """A module of ui/ as it is imported there: "charts", "lab.presets"."""
    return ".".join(path.relative_to(ROOT / "ui").with_suffix("").parts)


def imports(path: Path, root: Path = ROOT) -> set[str]:
    """What a module imports, anywhere in it, in full: "numpy", "nn.mnist", "ui.texts"."""
    package = path.relative_to(root).parent.parts
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = [*above, *filter(None, [node.module])]
            names |= {".".join(module), *(".".join([*module, it.name]) for it in node.names)}
    return names - {""}


def tops(modules: set[str]) -> set[str]:
    """The packages that modules are of."""
    return {module.partition(".")[0] for module in modules}


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


@pytest.mark.parametrize("path", ROOMS, ids=name)
def test_the_page_imports_no_one_above_it(path: Path) -> None:
    assert not tops(imports(path)) & {"app", "tests", "weights"}


@pytest.mark.parametrize("path", ROOMS, ids=name)
def test_only_what_draws_knows_streamlit(path: Path) -> None:
    known, drawing = imports(path), drawing_rooms()
    if name(path) in drawing:
        assert tops(known) & STREAMLIT  # no exception in vain
    else:
        assert not tops(known) & STREAMLIT
        assert not {module.removeprefix("ui.") for module in known} & drawing


def test_what_is_pure_stays_so() -> None:
    assert {name(path) for path in ROOMS} >= PURE
    assert not PURE & drawing_rooms()


def test_the_page_is_a_table_of_contents() -> None:
    assert lines(ROOT / "app.py") <= CONTENTS
    assert tops(imports(ROOT / "app.py")) == {"streamlit", "ui"}


@pytest.mark.parametrize("folder", LINES)
def test_no_file_outgrows_its_room(folder: str) -> None:
    files = list((ROOT / folder).rglob("*.py"))
    assert len(files) > 10
    grown = {str(path.relative_to(ROOT)): lines(path) for path in files}
    assert {path: size for path, size in grown.items() if size > LINES[folder]} == {}


def test_the_check_sees_an_import_however_it_is_written(tmp_path: Path) -> None:
    module = tmp_path / "ui" / "lab" / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text(
        "import numpy as np\ndef f():\n    from ... import app\n    from ..canvas import slate\n"
        "from .. import texts\nfrom . import knobs\nimport os.path, streamlit.runtime as r\n"
    )
    found = imports(module, tmp_path)
    assert {"app", "ui.canvas", "ui.texts", "ui.lab.knobs", "os.path"} <= found
    assert tops(found) >= {"numpy", "streamlit", "ui"}
