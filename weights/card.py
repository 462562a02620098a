"""The model card's pictures and figures, from the weights as they are.

Run it with `python weights/card.py`, after the weights have changed: it writes the pictures in
`weights/card/` and, between two marks in `weights/README.md`, the figures. Each picture's own text
says which file it was made from; a test compares. It takes half a minute.

    python weights/card.py --drawn FOLDER

also measures real handwriting (drawn.py says what the folder holds) and writes those figures
between two further marks. Without the folder they are left as they are.

What is shown was not trained on: MNIST's test set, marks of the synthetic pen that neither the
training nor the calibration has seen, and the handwriting. No threshold is chosen by them; the
pen's styles were, by the mistakes on the handwriting, as the card says.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # run as a script, from any folder

from drawn import draw_all, load_strokes  # noqa: E402

from nn import Dataset, Network, load_mnist, load_network  # noqa: E402
from nn.calibration import calibration_error, evidence, separation  # noqa: E402
from nn.drawing.reading import BLOT  # noqa: E402
from nn.layers import scaled  # noqa: E402
from nn.mnist import NO_DIGIT, SIDE  # noqa: E402
from nn.pen.pen import write_digits, write_nondigits  # noqa: E402

FILE, CARD, PICTURES = HERE / "best.npz", HERE / "README.md", HERE / "card"
MARKS = "<!-- measured by card.py -->", "<!-- end -->"
DRAWN_MARKS = "<!-- measured by card.py --drawn -->", "<!-- end of drawn -->"
DIGITS, OTHERS = 10_000, 2_000  # written by the pen, the latter of each kind
KINDS = {
    "letters and symbols": "sign",
    "scribbles": "scribble",
    "two digits run together": "pair",
}
SEED = (0, 2)  # of the pen; the trainings take 0, the calibration (0, 1)

PAPER, INK, QUIET, LINE, ACCENT = "#FBF9F4", "#1D2433", "#5A6272", "#D8D2C4", "#2A5A9B"
INKED = LinearSegmentedColormap.from_list("inked", ["#F0ECE2", INK])
TINTED = LinearSegmentedColormap.from_list("tinted", [PAPER, ACCENT])
BINS = 10  # of the reliability diagram
COLUMNS, ROWS = 16, 3  # of mistakes, per group
PITCH, ROW, HEADING, THUMB = 64, 84, 46, 56  # in points
COLOURS = 64  # of a picture's palette
WIDTH = COLUMNS * PITCH + 16


@dataclass(frozen=True)
class Judged:
    """What a network says of marks, as `nn.read` judges them.

    Attributes
    ----------
    marks : (n, 784) uint8 images and their labels; NO_DIGIT for what is none
    said : (n,) the most probable digit, also where it is refused
    confidence : (n,) in [0, 1], calibrated
    evidence : (n,) in [0, 1], low for what looks like no digit
    refused, unsure : (n,), the latter only where it is not refused
    """

    marks: Dataset
    said: NDArray[np.intp]
    confidence: NDArray[np.float32]
    evidence: NDArray[np.float32]
    refused: NDArray[np.bool_]
    unsure: NDArray[np.bool_]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the most probable digit is the true one, (n,)."""
        right: NDArray[np.bool_] = self.said == self.marks.labels
        return right

    @property
    def sure(self) -> NDArray[np.bool_]:
        """Whether the answer was one digit without a doubt, (n,)."""
        return ~self.refused & ~self.unsure

    @property
    def error(self) -> float:
        """The expected calibration error of what is not refused."""
        return calibration_error(self.confidence[~self.refused], self.right[~self.refused])


def judge_all(
    network: Network, marks: Dataset, inputs: NDArray[np.float32] | None = None
) -> Judged:
    """Judge marks that are preprocessed already; `inputs` are the same before rounding."""
    x = scaled(marks.images) if inputs is None else inputs
    judged = network.calibration.apply(network.predict_proba(x))
    found = evidence(judged).astype(np.float32)
    refused = found < network.calibration.refuse_below
    refused |= x.mean(axis=1) > BLOT
    confidence = judged.max(axis=1)
    unsure = ~refused & (confidence < network.calibration.unsure_below)
    return Judged(marks, judged.argmax(axis=1), confidence, found, refused, unsure)


def reliability(sets: dict[str, Judged]) -> Figure:
    """How often answers are right, by how sure they are, and how many there are."""
    figure = _figure(WIDTH, 520)
    grid = figure.add_gridspec(2, len(sets), height_ratios=(3.2, 1), hspace=0.14, wspace=0.16)
    figure.subplots_adjust(left=0.075, right=0.98, top=0.91, bottom=0.105)
    for column, (name, judged) in enumerate(sets.items()):
        upper, lower = (figure.add_subplot(grid[row, column]) for row in (0, 1))
        confidence, right = judged.confidence[~judged.refused], judged.right[~judged.refused]
        places = np.minimum((confidence * BINS).astype(int), BINS - 1)
        counts = np.bincount(places, minlength=BINS)
        some = np.flatnonzero(counts)
        said = np.bincount(places, confidence, BINS)[some] / counts[some]
        share = np.bincount(places, right, BINS)[some] / counts[some]
        low, high = wilson(share, counts[some])
        upper.plot([0, 1], [0, 1], color=QUIET, linewidth=1, dashes=(4, 3))
        errors = [share - low, high - share]
        upper.errorbar(said, share, errors, fmt="none", ecolor=ACCENT, elinewidth=1.6)
        upper.plot(said, share, "o", color=ACCENT, markersize=7, clip_on=False)
        upper.text(0.03, 0.92, f"expected calibration error {judged.error:.4f}", color=INK)
        upper.text(0.31, 0.07, "dashed: right as often as it says", color=QUIET)
        lower.bar((some + 0.5) / BINS, counts[some], width=0.86 / BINS, color=ACCENT)
        for place in some:
            top = (place + 0.5) / BINS, counts[place] * 1.35
            lower.text(*top, f"{counts[place]:,}", ha="center", color=INK, fontsize=9)
        upper.set_title(name, loc="left", color=INK, fontsize=13, pad=12)
        upper.set(xlim=(0, 1), ylim=(0, 1.02), xticklabels=[])
        lower.set(xlim=(0, 1), ylim=(0.8, 1e5), yscale="log", yticks=[1, 100, 10_000])
        lower.set_yticklabels(["1", "100", "10,000"])
        lower.minorticks_off()
        lower.set_xlabel("its confidence", color=INK)
        if column == 0:
            upper.set_ylabel("share that is right", color=INK)
            lower.set_ylabel("answers", color=INK)
        for axes in (upper, lower):
            _quiet(axes)
    return figure


def wilson(
    share: NDArray[np.float64], n: NDArray[np.intp], z: float = 1.96
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 95 % interval of a share of n: where the true one may lie (E. B. Wilson, 1927)."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return np.minimum(middle - half, share), np.maximum(middle + half, share)


def confusion(judged: Judged, name: str) -> Figure:
    """Which digit is taken for which."""
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (judged.marks.labels, judged.said), 1)
    wrong = counts - np.diag(np.diag(counts))
    figure = _figure(760, 690)
    axes = figure.add_axes((0.09, 0.03, 0.8, 0.83))
    axes.imshow(wrong, cmap=TINTED, vmin=0, vmax=max(1.6 * wrong.max(), 1))
    for (truth, said), count in np.ndenumerate(counts):
        if truth == said:
            axes.text(said, truth, str(count), ha="center", va="center", color=QUIET, fontsize=10)
        elif count:
            axes.text(said, truth, str(count), ha="center", va="center", color=INK, fontsize=13)
    for truth, count in enumerate(wrong.sum(axis=1)):
        axes.text(10.2, truth, f"{count}", ha="right", va="center", color=INK, fontsize=12)
    axes.text(10.2, -0.72, "errors", ha="right", va="center", color=QUIET)
    axes.text(-0.5, -1.12, "what it said", ha="left", va="center", color=QUIET)
    axes.text(-1.15, -0.5, "the truth", ha="center", va="top", color=QUIET, rotation=90)
    title = f"{name}: {wrong.sum()} errors of {counts.sum():,}"
    axes.set_title(title, loc="left", color=INK, fontsize=13, pad=52)
    axes.set_xticks(range(10), [str(digit) for digit in range(10)])
    axes.set_yticks(range(10), [str(digit) for digit in range(10)])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, colors=INK, labelsize=12)
    axes.set_xticks(np.arange(-0.5, 10), minor=True)
    axes.set_yticks(np.arange(-0.5, 10), minor=True)
    axes.grid(which="minor", color=LINE, linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_color(LINE)
    return figure


def mistakes(judged: Judged, name: str) -> Figure:
    """The digits that it read wrongly, and those it refused, with what it said."""
    wrong = ~judged.right
    groups = {
        "wrong, and certain": (judged, wrong & judged.sure),
        "wrong, but it says that it is not sure": (judged, wrong & judged.unsure),
        "refused, though a digit": (judged, judged.refused),
    }
    return _sheet(f"{name}: {len(judged.marks):,} digits", groups)


def taken(others: dict[str, Judged], name: str) -> Figure:
    """What is no digit, and was read as one without a doubt."""
    groups = {f"of {len(it.marks):,} {kind}": (it, it.sure) for kind, it in others.items()}
    return _sheet(f"{name}, read as one without a doubt", groups)


def _sheet(title: str, groups: dict[str, tuple[Judged, NDArray[np.bool_]]]) -> Figure:
    """Rows of small pictures under a heading each; of many, a sample spread evenly."""
    chosen = {}
    for heading, (judged, mask) in groups.items():
        found = np.flatnonzero(mask)
        found = found[np.lexsort((judged.said[found], judged.marks.labels[found]))]
        most = COLUMNS * ROWS
        if len(found) > most:
            found = found[np.linspace(0, len(found) - 1, most).astype(int)]
        of = f", {len(found)} of them shown" if mask.sum() > most else ""
        chosen[f"{mask.sum()} {heading}{of}"] = judged, found
    rows = [max(-(-len(found) // COLUMNS), 1) for _, found in chosen.values()]
    height = 34 + HEADING * len(rows) + ROW * sum(rows)
    figure = _figure(WIDTH, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-12, WIDTH - 12), ylim=(height, 0))
    axes.axis("off")
    axes.text(0, 24, title, color=INK, fontsize=13, weight="bold")
    top = 34
    for (heading, (judged, found)), used in zip(chosen.items(), rows, strict=True):
        axes.text(0, top + 30, heading, color=ACCENT, fontsize=12)
        top += HEADING
        for place, i in enumerate(found):
            x, y = place % COLUMNS * PITCH, top + place // COLUMNS * ROW
            picture = judged.marks.images[i].reshape(SIDE, SIDE)
            axes.imshow(
                picture, cmap=INKED, extent=(x, x + THUMB, y + THUMB, y), interpolation="nearest"
            )
            caption = _caption(int(judged.marks.labels[i]), int(judged.said[i]), judged.refused[i])
            axes.text(x + THUMB / 2, y + THUMB + 14, caption, ha="center", color=INK, fontsize=10)
        top += ROW * used
    axes.set(xlim=(-12, WIDTH - 12), ylim=(height, 0), aspect="auto")
    return figure


def _caption(truth: int, said: int, refused: bool) -> str:
    if truth == NO_DIGIT:
        return f"as {said}"
    return f"{truth}" if refused else f"{truth} as {said}"


def row(name: str, values: Sequence[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join([name, *values])} |"


def heading(name: str, values: Sequence[str]) -> Iterator[str]:
    """The first row of a Markdown table, and the line below it."""
    yield row(name, values)
    yield "|" + "---|" * (1 + len(values))


def percent(share: float, digits: int = 2) -> str:
    """A share in per cent, with a space before the sign."""
    return f"{100 * share:.{digits}f} %"


def table(sets: dict[str, Judged], others: dict[str, Judged]) -> Iterator[str]:
    """The figures in words, as lines of Markdown."""

    def of(judged: Judged, mask: NDArray[np.bool_]) -> str:
        return f"{percent(mask.mean())} ({mask.sum():,})"

    yield from heading("`best.npz`", list(sets))
    yield row("digits", [f"{len(judged.marks):,}" for judged in sets.values()])
    yield row("the most probable digit is wrong", [of(j, ~j.right) for j in sets.values()])
    yield row("wrong, and certain", [of(j, ~j.right & j.sure) for j in sets.values()])
    yield row("not sure", [of(j, j.unsure) for j in sets.values()])
    yield row("refused, though a digit", [of(j, j.refused) for j in sets.values()])
    yield row("expected calibration error, 15 bins", [f"{j.error:.4f}" for j in sets.values()])
    yield ""
    yield from heading("of the pen, no digits", list(others))
    yield row("marks", [f"{len(judged.marks):,}" for judged in others.values()])
    yield row("refused", [of(j, j.refused) for j in others.values()])
    yield row("not sure", [of(j, j.unsure) for j in others.values()])
    yield row("read as a digit without a doubt", [of(j, j.sure) for j in others.values()])
    yield ""
    yield from separations(sets, {f"the pen's {name}": it for name, it in others.items()})


def separations(sets: dict[str, Judged], others: dict[str, Judged]) -> Iterator[str]:
    """How well evidence tells each kind of non-digit from each set of digits."""
    yield from heading("AUROC; FPR at a TPR of 95 %", [f"accepted: {name}" for name in sets])
    for name, other in others.items():
        pairs = [separation(judged.evidence, other.evidence) for judged in sets.values()]
        yield row(name, [f"{percent(auroc)}; {percent(fpr)}" for auroc, fpr in pairs])


def drawn_table(
    network: Network, folder: Path, sets: dict[str, Judged], others: dict[str, Judged], source: str
) -> Iterator[str]:
    """The figures of real handwriting, as lines of Markdown."""
    digits, signs = (load_strokes(folder / name) for name in ("strokes.npz", "nondigits.npz"))
    labels = digits.labels.astype(np.uint8)

    def drawn(every: int = 1, canvas: int = 280, pen: float = 20.0) -> Judged:
        inputs = draw_all(digits, canvas=canvas, pen=pen, every=every)
        marks = Dataset(np.rint(inputs * 255).astype(np.uint8), labels[::every])
        return judge_all(network, marks, inputs)

    def read(judged: Judged) -> str:
        return percent(judged.right.mean())

    judged, fourth = drawn(), drawn(every=4)
    inputs = draw_all(signs)
    nothing = np.full(len(inputs), NO_DIGIT, np.uint8)
    letters = judge_all(network, Dataset(np.rint(inputs * 255).astype(np.uint8), nothing), inputs)
    writers = [judged.right[digits.writers == w].mean() for w in np.unique(digits.writers)]
    answered = judged.right[~judged.refused].mean()
    wrong = ~judged.right
    yield from heading(f"`best.npz`, sha256 `{source[:8]}`", [f"{len(labels):,} drawn digits"])
    yield row("read correctly", [f"{read(judged)} ({wrong.sum()} errors)"])
    low, middle = percent(min(writers)), percent(float(np.median(writers)))
    yield row("by writer", [f"worst {low}, median {middle}"])
    refused = percent(judged.refused.mean())
    yield row("refused, though digits", [f"{refused}; of the rest {percent(answered)} are right"])
    yield row("wrong, and certain", [f"{(wrong & judged.sure).sum()}"])
    yield row("expected calibration error, 15 bins", [f"{judged.error:.4f}"])
    refused = percent(letters.refused.mean())
    yield row("letters and symbols refused", [f"{refused} of {len(inputs):,}"])
    thin, thick = read(drawn(4, pen=12)), read(drawn(4, pen=28))
    yield row(
        f"pens of 12 and 28 pixels (every 4th digit; with 20: {read(fourth)})",
        [f"{thin} and {thick}"],
    )
    small, large = read(drawn(4, 200, 20 * 200 / 280)), read(drawn(4, 560, 40))
    yield row(
        "canvases of 200 and 560 pixels, the pen scaled (every 4th digit)", [f"{small} and {large}"]
    )
    yield ""
    yield f"Its {wrong.sum()} errors by true digit, and what they were read as most often:"
    yield ""
    yield from heading("digit", [str(digit) for digit in range(10)])
    counts = [np.bincount(judged.said[wrong & (labels == i)], minlength=10) for i in range(10)]
    yield row("errors", [str(count.sum()) for count in counts])
    yield row("as", [_most_often(count) for count in counts])
    yield ""
    yield "How well the evidence, by which it refuses, tells digits from what is none:"
    yield ""
    accepted = {"the drawn digits": judged}
    yield from separations({**accepted, **sets}, {"drawn letters and symbols": letters})
    yield ""
    yield from separations(accepted, {f"the pen's {name}": it for name, it in others.items()})


def _most_often(counts: NDArray[np.intp]) -> str:
    """What a digit was read as most often; "any" if each but once."""
    if counts.max() < 2:
        return "any" if counts.any() else "–"
    return " or ".join(str(digit) for digit in np.flatnonzero(counts == counts.max()))


def write_table(card: Path, lines: Iterator[str], marks: tuple[str, str] = MARKS) -> None:
    """Put the lines between the two marks of the card."""
    before, _, rest = card.read_text("utf-8").partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not end:
        raise ValueError(f"{card.name}: expected {marks[0]} and after it {marks[1]}; put them back")
    text = "\n".join([marks[0], "", *lines, "", marks[1]])
    card.write_text(before + text + after, encoding="utf-8")


def save(figure: Figure, path: Path, source: str) -> None:
    """A picture of few colours, with the sha256 of its source in its text."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    with Image.open(buffer) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    text = PngImagePlugin.PngInfo()
    text.add_text("Source", source)
    few.save(path, optimize=True, pnginfo=text)


def _figure(width: float, height: float) -> Figure:
    return Figure((width / 72, height / 72), facecolor=PAPER)


def _quiet(axes: Axes) -> None:
    """Axes that stay behind what they carry."""
    axes.set_facecolor(PAPER)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=LINE, linewidth=0.8)
    axes.tick_params(length=0, colors=QUIET)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)


def main() -> None:
    """Judge, draw, and write all of it."""
    parser = argparse.ArgumentParser(description="Write the model card's pictures and figures.")
    parser.add_argument("--drawn", type=Path, help="a folder with strokes.npz and nondigits.npz")
    folder = parser.parse_args().drawn
    network, (_, test_set) = load_network(FILE), load_mnist()
    rng = np.random.default_rng(SEED)
    written = write_digits(DIGITS, rng=rng)
    nothing = np.full(OTHERS, NO_DIGIT, np.uint8)
    sets = {
        "MNIST's test set": judge_all(network, test_set),
        "the pen's digits": judge_all(network, written),
    }
    others = {
        name: judge_all(network, Dataset(write_nondigits(OTHERS, rng=rng, kinds=[kind]), nothing))
        for name, kind in KINDS.items()
    }
    (mnist, tested), (_, penned) = sets.items()
    source = hashlib.sha256(FILE.read_bytes()).hexdigest()
    PICTURES.mkdir(exist_ok=True)
    with matplotlib.rc_context({"font.size": 11, "font.family": "DejaVu Sans"}):
        for name, figure in {
            "reliability": reliability(sets),
            "confusion": confusion(tested, mnist),
            "mistakes-mnist": mistakes(tested, mnist),
            "mistakes-pen": mistakes(penned, "the pen, another seed"),
            "taken-for-digits": taken(others, "The pen's marks that are no digit"),
        }.items():
            save(figure, PICTURES / f"{name}.png", source)
    write_table(CARD, table(sets, others))
    if folder is not None:
        write_table(CARD, drawn_table(network, folder, sets, others, source), DRAWN_MARKS)


if __name__ == "__main__":
    main()
