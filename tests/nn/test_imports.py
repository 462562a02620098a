from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "nn").rglob("*.py"))
# Nothing in the network knows a page, threads, the net or other processes ...
FORBIDDEN = {"streamlit", "ui", "app", "threading", "concurrent", "asyncio", "socket", "urllib"}
PROCESSES = {"subprocess", "multiprocessing"}  # ... but for these, in the command line
REFERENCES = {"torch", "sklearn", "threadpoolctl"}  # measured beside, where installed
OWN = {"numpy", "PIL", "nn"}
# What each sub-package may import of nn, beside itself; "" is the core.
MAY_IMPORT = {
    "": {""},
    "drawing": {""},
    "pen": {"", "drawing"},  # a written digit is preprocessed as a drawn one
    "explain": {"", "drawing", "pen"},  # what a network makes of moved digits
    "command_line": {"", "drawing", "pen"},
}
EXCEPTIONS = {"training.py": {"pen"}, "teach.py": {"pen"}}  # of the core


def name(path: Path) -> str:
    return str(path.relative_to(ROOT / "nn"))


def modules(path: Path) -> set[str]:
    """Every module that a file imports anywhere in it, in full: "numpy", "nn.pen.pen"."""
    package = path.relative_to(ROOT).parent.parts if path.is_relative_to(ROOT) else ("nn",)
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return names


def packages(path: Path) -> set[str]:
    """The top-level packages of these."""
    return {module.partition(".")[0] for module in modules(path)}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_the_network_imports_numpy_pillow_and_nothing_of_the_page(path: Path) -> None:
    names = packages(path)
    assert not names & FORBIDDEN
    assert not names & PROCESSES or path.parent.name == "command_line"
    allowed = OWN | REFERENCES if path.name == "bench.py" else OWN
    assert names - set(sys.stdlib_module_names) <= allowed


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_within_the_network_go_one_way(path: Path) -> None:
    if path.parent.name == "nn" and path.name in ("__init__.py", "__main__.py"):
        return  # what the package offers, and its command line
    here = "" if path.parent.name == "nn" else path.parent.name
    allowed = MAY_IMPORT[here] | {here} | EXCEPTIONS.get(name(path), set())
    found = {module.split(".")[1] for module in modules(path) if module.startswith("nn.")}
    assert {part for part in found if part in MAY_IMPORT} <= allowed


@pytest.mark.parametrize("path", sorted((ROOT / "nn" / "pen").glob("*.py")), ids=name)
def test_the_pen_knows_of_the_core_only_data_and_recipes(path: Path) -> None:
    core = {p.stem for p in (ROOT / "nn").glob("*.py")} - {"__init__"}
    found = {module.split(".")[1] for module in modules(path) if module.startswith("nn.")}
    assert found & core <= {"mnist", "recipes", "errors"}


def test_the_check_sees_an_import_wherever_it_stands(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "import numpy as np\ndef f():\n    from socket import socket\n    import os.path, ui.x\n"
        "from . import layers\nfrom .mnist import Dataset\n"
    )
    assert packages(module) == {"numpy", "socket", "os", "ui", "nn"}
    assert {"nn.layers", "nn.mnist"} <= modules(module)
