"""How often a reading while the pen moves agrees with the page's: the live picture is half as wide.

Run it with `python tests/load/agreement.py strokes.npz [--every 1]`, a file of strokes as
weights/drawn.py describes. Each digit is drawn as on the slate and read twice by `best`: as the
slate sends it at last, and reduced, here by a box filter. It ends with 1 below PROMISE.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from nn import judge_number, load_checkpoint  # noqa: E402
from ui.files import slate_digits  # noqa: E402
from weights.drawn import drawn_pictures, load_strokes  # noqa: E402

SLATE, LIVE, PEN = 352, 176, 22.0  # pixels, as in ui/page/slate.py and ui/assets/js/slate.js
PROMISE = 0.995


def main() -> int:
    parser = argparse.ArgumentParser(description="Do live readings agree with the page's?")
    parser.add_argument("strokes", type=Path)
    parser.add_argument("--every", type=int, default=1, help="read every so many digits")
    options = parser.parse_args()
    network = load_checkpoint(ROOT / "weights" / "best.npz").network

    def digits(picture: Image.Image) -> str | None:
        file = io.BytesIO()
        picture.save(file, "PNG")
        found = slate_digits(file.getvalue())
        return judge_number(network, found.digits if found else ()).digits

    agree = []
    marks = load_strokes(options.strokes)
    for pixels in drawn_pictures(marks, canvas=SLATE, pen=PEN, every=options.every):
        whole = Image.fromarray(pixels)
        small = whole.resize((LIVE, LIVE), Image.Resampling.BOX)
        agree.append(digits(whole) == digits(small))
    share = float(np.mean(agree))
    print(f"live and final readings agree: {share:.2%} of {len(agree):,} digits", end=" ")
    print(f"({len(agree) - sum(agree)} differ; at least {PROMISE:.1%} are to agree)")
    return 0 if share >= PROMISE else 1


if __name__ == "__main__":
    sys.exit(main())
