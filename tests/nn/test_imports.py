from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

MODULES = sorted((Path(__file__).parents[2] / "nn").glob("*.py"))
# Nothing in the network knows a page, threads, the net or other processes ...
FORBIDDEN = {"streamlit", "ui", "app", "threading", "concurrent", "asyncio", "socket", "urllib"}
PROCESSES = {"subprocess", "multiprocessing"}  # ... but for these, in the command line
REFERENCES = {"torch", "sklearn", "threadpoolctl"}  # measured beside, where installed
OWN = {"numpy", "PIL"}


def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports anywhere in it, its own left out."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).split(".")[0])
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_the_network_imports_numpy_pillow_and_nothing_of_the_page(path: Path) -> None:
    names = imported(path)
    assert not names & FORBIDDEN
    assert not names & PROCESSES or path.name == "__main__.py"
    allowed = OWN | REFERENCES if path.name == "bench.py" else OWN
    assert names - set(sys.stdlib_module_names) <= allowed


def test_the_check_sees_an_import_wherever_it_stands(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "import numpy as np\ndef f():\n    from socket import socket\n    import os.path, ui.x\n"
        "from . import layers\nfrom .mnist import Dataset\n"
    )
    assert imported(module) == {"numpy", "socket", "os", "ui"}
