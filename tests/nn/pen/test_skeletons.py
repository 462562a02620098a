from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from nn.pen.skeletons import DIGITS, NONDIGITS, NOT_A_DIGIT, SkeletonError, load_skeletons

WAYS = ("upright", "level", "rising", "backwards")  # of a slash
LINE = "7 crossed 0,2 54,0! 22,100 / 10,50 56,46"


def table(folder: Path, *lines: str) -> Path:
    """A table with all ten digits but for the lines that are given, which come first."""
    given = {line.split()[0] for line in lines if line.strip()}
    rest = [f"{digit} plain 0,0 10,100" for digit in DIGITS if digit not in given]
    path = folder / "table.txt"
    path.write_text("\n".join([*lines, *rest]) + "\n", encoding="utf-8")
    return path


def test_a_line_becomes_strokes_with_points_and_corners(tmp_path: Path) -> None:
    skeleton = load_skeletons(table(tmp_path, LINE))[0]
    assert (skeleton.label, skeleton.style) == ("7", "crossed")
    assert skeleton.strokes == (
        ((0, 2, False), (54, 0, True), (22, 100, False)),
        ((10, 50, False), (56, 46, False)),
    )


def test_comments_and_empty_lines_are_skipped_but_counted(tmp_path: Path) -> None:
    with pytest.raises(SkeletonError, match=r"table\.txt, line 4, column 9"):
        load_skeletons(table(tmp_path, "# a comment", "", LINE, "8 plain nonsense"))


@pytest.mark.parametrize(
    ("line", "column", "rule"),
    [
        ("x plain 0,0 1,1", 1, "expected a label, one of 0 1 2 3 4 5 6 7 8 9, found 'x'"),
        ("7 plain", 8, "expected a label, a style and points, found the line's end"),
        ("7 Plain 0,0 1,1", 3, "expected a style of lower-case letters, .* found 'Plain'"),
        ("7 plain 0,0 1;1", 13, r"expected a point 'x,y', a corner 'x,y!' or '/', found '1;1'"),
        ("7 plain 0,0 1,1!!", 13, "found '1,1!!'"),
        ("7 plain 0,0 nan,1", 13, "found 'nan,1'"),
        ("7 plain 0,0  151,1", 14, "expected coordinates from -50 to 150 per cent"),
        ("7 plain 0,0 1,-51", 13, "expected coordinates from -50 to 150 per cent"),
        ("7 plain 0,0 0,0!", 13, "expected a point that differs from the one before"),
        ("7 plain / 0,0", 9, "expected a stroke's points before '/', found none"),
        ("7 plain 0,0 1,1 /", 17, "expected points after '/', found the line's end"),
    ],
)
def test_a_mistake_is_told_with_line_column_and_rule(
    line: str, column: int, rule: str, tmp_path: Path
) -> None:
    with pytest.raises(SkeletonError, match=rf"table\.txt, line 2, column {column}: .*{rule}"):
        load_skeletons(table(tmp_path, "", line))


def test_a_style_is_named_once_a_digit(tmp_path: Path) -> None:
    says = "line 2, column 3: expected a style once per label, found 7 crossed in line 1"
    with pytest.raises(SkeletonError, match=re.escape(says)):
        load_skeletons(table(tmp_path, LINE, LINE))
    assert load_skeletons(table(tmp_path, LINE, LINE.replace("7", "1", 1)))


def test_a_table_without_one_of_the_digits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    path.write_text(LINE)
    with pytest.raises(SkeletonError, match="expected a skeleton of each label, found no 0"):
        load_skeletons(path)


def test_the_shipped_digits_have_many_styles_each() -> None:
    styles = Counter(skeleton.label for skeleton in load_skeletons())
    assert sorted(styles) == list(DIGITS)
    assert min(styles.values()) >= 30


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("0", {"slashed", "dotted"} | {f"slashed-through-{way}" for way in WAYS}),
        ("1", {"flag-long", "flag-base", "flag-half", "flag-hooked"}),
        ("2", {"z-like", "narrow-neck", "z-barred-wide"}),
        ("3", {"flat-top", "arch"}),
        ("4", {"open", "open-short-stem", "lightning", "lightning-slim"}),
        ("5", {"loose-bar", "missing-bar", "s-like-wide", "missing-bar-angular"}),
        ("6", {"curled-inside", "round", "loop-crossing-straight"}),
        ("7", {"barred", "barred-low", "barred-long", "barred-foot-curled", "barred-foot-flat"}),
        ("8", {"open-top", "p-like", "two-circles", "open-top-bow", "ribbon-bow"}),
        ("9", {"hooked", "small-loop-big-hook", "foot-left", "closed-loop-hook", "flag"}),
    ],
)
def test_the_styles_that_mnist_lacks_are_there(label: str, wanted: set[str]) -> None:
    assert wanted <= {skeleton.style for skeleton in load_skeletons() if skeleton.label == label}


def test_the_shipped_nondigits_can_be_read() -> None:
    signs = load_skeletons(NONDIGITS, labels=(NOT_A_DIGIT,))
    assert len(signs) >= 60
    assert {"capital-a", "hash", "at"} <= {skeleton.style for skeleton in signs}
