"""Downloads that work while the page polls.

Streamlit 1.67 deletes the file of a deferred `st.download_button` after the next two runs of any
page's script, which is before the browser has fetched it where many pages poll (seen as "Client
Error: Download Button source error - 404"). So the file goes to the browser as part of the page,
in the run that follows the press.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable

import streamlit as st

from . import visit

KEPT_SECONDS = 10.0


def button(
    label: str, make: Callable[[], bytes | None], *, file: str, key: str, disabled: bool = False
) -> None:
    """A button that downloads what `make` returns when it is pressed, under the name `file`.

    Nothing is downloaded where that is None.
    """
    downloads, now = visit.session().downloads, time.monotonic()
    for old in [each for each, (_, made) in downloads.items() if now - made > KEPT_SECONDS]:
        del downloads[old]
    if st.button(label, key=key, disabled=disabled) and (content := make()) is not None:
        downloads[key] = _script(file, content), now
    # A browser may miss a run when the next one follows at once, so the script stays for a while.
    script, _ = downloads.get(key, ("", 0.0))
    with st.container(key=f"{key}-file"):
        st.html(
            script or "<p></p>",
            unsafe_allow_javascript=True,
        )


def _script(file: str, content: bytes) -> str:
    """What saves a file in the browser, once."""
    name = json.dumps(file).replace("<", "\\u003c")
    return f"""<script>(() => {{
      const done = (window.digitLabDownloads ??= new Set()), id = "{secrets.token_hex(8)}";
      if (done.has(id)) return;
      done.add(id);
      const signs = atob("{base64.b64encode(content).decode("ascii")}");
      const bytes = Uint8Array.from(signs, (sign) => sign.charCodeAt(0));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([bytes]));
      link.download = {name};
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    }})();</script>"""
