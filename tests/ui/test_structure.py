"""The one rule about imports, and what must stay apart."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "ui").rglob("*.py"))
CONTENTS = 60  # lines of app.py, and of the page's script
STREAMLIT = {"streamlit", "streamlit_drawable_canvas"}


def name(path: Path) -> str:
    """A module of ui/ as it is imported there: "charts", "panels.map"."""
    return ".".join(path.relative_to(ROOT / "ui").with_suffix("").parts)


def imports(path: Path, root: Path = ROOT) -> set[str]:
    """What a module imports, anywhere in it, in full: "numpy", "nn.mnist", "ui.i18n"."""
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


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_the_page_imports_nothing_above_it(path: Path) -> None:
    assert not tops(imports(path)) & {"app", "tests", "weights"}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_the_page_and_its_panels_know_streamlit(path: Path) -> None:
    if not name(path).startswith(("page.", "panels.")):
        assert not tops(imports(path)) & STREAMLIT
        assert not any(module.startswith(("ui.page", "ui.panels")) for module in imports(path))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_training_knows_nothing_of_the_page(path: Path) -> None:
    if name(path).startswith("training."):
        ours = {module for module in imports(path) if tops({module}) == {"ui"}}
        assert all(module.startswith("ui.training") for module in ours)


def test_the_tools_settings_name_no_package_and_no_version() -> None:
    """It is an application, not a package; its version is in ui/__init__.py alone."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8")).keys() == {"tool"}


def test_the_page_is_a_table_of_contents() -> None:
    for path in (ROOT / "app.py", ROOT / "ui" / "page" / "main.py"):
        assert len(path.read_text("utf-8").splitlines()) <= CONTENTS
        assert tops(imports(path)) == {"streamlit", "ui"}


def test_the_check_sees_an_import_however_it_is_written(tmp_path: Path) -> None:
    module = tmp_path / "ui" / "view" / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text(
        "import numpy as np\ndef f():\n    from ... import app\n    from ..page import slate\n"
        "from .. import i18n\nfrom . import heat\nimport os.path, streamlit.runtime as r\n"
    )
    found = imports(module, tmp_path)
    assert {"app", "ui.page.slate", "ui.i18n", "ui.view.heat", "os.path"} <= found
    assert tops(found) >= {"numpy", "streamlit", "ui"}


NOTICES = {"warning", "error", "info", "success", "caption", "markdown", "write", "toast", "title"}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_text_meets_streamlit_as_a_word_of_ours_or_made_plain(path: Path) -> None:
    """A sentence may hold an address, a file's name or an error, and Streamlit renders Markdown.

    Only the guide is meant to be Markdown.
    """
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"st.{it}" for it in NOTICES}:
            text = node.args[0]
            word = text.func if isinstance(text, ast.Call) else text
            allowed = r"i18n\.plain|_guide" if isinstance(text, ast.Call) else r"i18n\.[A-Z_]+"
            assert re.fullmatch(allowed, ast.unparse(word)), f"line {node.lineno}"
