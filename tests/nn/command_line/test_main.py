from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nn import RECIPES, Dataset, Network, Recipe, evaluate, load_checkpoint, load_network, read
from nn.command_line.main import main
from nn.layers import Dense
from nn.mnist import FILES
from tests.helpers import BLACK, WHITE, canvas_of, checkpoint_bytes, coverage, drawing
from tests.nn.drawing.test_photo import file_of, photo
from tests.nn.drawing.test_rows import page_of
from tests.nn.drawing.test_segmentation import side_by_side, with_signs

REPOSITORY = Path(__file__).parents[3]
QUICK = ("--hidden", "12", "--batch-size", "500", "--validation", "50000", "--epochs")


@pytest.fixture
def shared_mnist(mnist: tuple[Dataset, Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    """Saves reading the data again."""
    monkeypatch.setattr("nn.command_line.main.load_mnist", lambda: mnist)


def save(canvas: np.ndarray, path: Path, mode: str = "RGBA") -> str:
    Image.fromarray(canvas).convert(mode).save(path)
    return str(path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a refused command says: one line on standard error, exit status 2."""
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = stop.code
    streams = capsys.readouterr()
    assert status == 2
    assert streams.err.count("\n") == 1
    assert streams.err.startswith("error: ")
    return streams.err.removeprefix("error: ").rstrip("\n")


def test_a_trained_network_is_saved_and_evaluates_to_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "network.npz"
    assert main(["train", *QUICK, "1", "--seed", "5", "--out", str(path)]) == 0
    first, epoch, took, accuracy, saved = capsys.readouterr().out.splitlines()
    assert first == "adam: 784-12-10, 9,550 parameters"
    figures = r"epoch    1  loss \d\.\d{4}  accuracy 0\.\d{4}  validation 0\.\d{4}"
    assert re.fullmatch(figures, epoch)
    assert re.fullmatch(r"trained in \d+ s", took)
    assert re.fullmatch(r"test accuracy 0\.\d{4} \(\d+ errors of 10000\)", accuracy)
    assert saved == f"saved {path}"

    meta = load_checkpoint(path).meta
    assert meta["seed"] == 5
    assert meta["train_samples"] == 10_000
    assert f"test accuracy {meta['test_accuracy']:.4f}" in accuracy
    assert f"validation {meta['validation_accuracy']:.4f}" in epoch
    assert meta["data_md5"] == {name: md5 for name, (md5, _) in FILES.items()}
    assert meta["recipe"]["hidden"] == [12]

    assert main(["evaluate", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == accuracy


@pytest.mark.usefixtures("shared_mnist")
def test_evaluation_prints_accuracy_first_then_the_confusion(
    mnist: tuple[Dataset, Dataset],
    reader: Network,
    reader_file: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["evaluate", str(reader_file)]) == 0
    first, _, head, *rows = capsys.readouterr().out.splitlines()
    result = evaluate(reader, mnist[1])
    assert first == f"test accuracy {result.accuracy:.4f} ({result.errors} errors of 10000)"
    assert head.split() == list("0123456789")
    numbers = np.array([row.split() for row in rows], int)
    np.testing.assert_array_equal(numbers, np.column_stack([np.arange(10), result.confusion]))


@pytest.mark.usefixtures("shared_mnist")
def test_the_same_seed_trains_the_same_network(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("first", "again", "other")]
    for path, seed in zip(paths, "334", strict=True):
        main(["train", *QUICK, "1", "--seed", seed, "--out", str(path)])
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again
    assert first != other


@pytest.mark.usefixtures("shared_mnist")
def test_every_field_of_a_recipe_is_an_option(tmp_path: Path) -> None:
    options = {
        "activation": "tanh",
        "leak": 0.1,
        "dropout": 0.25,
        "optimizer": "nesterov",
        "learning_rate": 0.02,
        "momentum": 0.5,
        "schedule": "constant",
        "warmup": 0.5,
        "batch_size": None,
        "epochs": 1,
        "patience": 4,
        "weight_decay": 0.001,
        "label_smoothing": 0.1,
        "clip_norm": 2.0,
        "weight_average": 0.5,
        "validation": 50_000,
    }
    expected = RECIPES["deep"].replace(hidden=(7, 6), batch_norm=False, **options)
    differing = {k for k, v in expected.to_dict().items() if v != RECIPES["deep"].to_dict()[k]}
    assert differing == {*options, "hidden", "batch_norm"}
    flags = [
        str(part)
        for name, value in options.items()
        for part in ("--" + name.replace("_", "-"), "full" if value is None else value)
    ]
    out = tmp_path / "all.npz"
    hidden = ["--hidden", "7", "6", "--no-batch-norm"]
    assert main(["train", "--recipe", "deep", *flags, *hidden, "--out", str(out)]) == 0
    assert load_checkpoint(out).meta["recipe"] == expected.to_dict()


@pytest.mark.usefixtures("shared_mnist")
def test_a_training_that_stops_early_tells_and_saves_its_best_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mnist: tuple[Dataset, Dataset]
) -> None:
    out = tmp_path / "early.npz"
    options = ["30", "--patience", "1", "--learning-rate", "0.05", "--seed", "1"]
    assert main(["train", *QUICK, *options, "--out", str(out)]) == 0
    _, last, stopped, *_ = capsys.readouterr().out.splitlines()
    epoch = re.fullmatch(r"epoch +(\d+)  loss .*", last)
    best = re.fullmatch(r"stopped early: best at epoch (\d+)", stopped)
    assert epoch is not None
    assert best is not None
    assert int(epoch[1]) == int(best[1]) + 1 < 10
    found = load_checkpoint(out)
    validated = evaluate(found.network, mnist[0][10_000:])
    assert found.meta["validation_accuracy"] == validated.accuracy
    assert f"validation {validated.accuracy:.4f}" not in last


@pytest.mark.usefixtures("shared_mnist")
def test_a_network_without_hidden_layers_is_trained_and_not_saved(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", *QUICK, "1", "--hidden"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "adam: 784-10, 7,850 parameters"
    assert lines[-1] == "not saved; give --out FILE to keep the network"


@pytest.mark.usefixtures("shared_mnist")
def test_a_training_that_nobody_watches_prints_a_line_every_ten_epochs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["train", *QUICK, "21", "--validation", "0", "--hidden", "1", "--batch-size", "30000"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert [line.split()[1] for line in lines] == ["10", "20", "21"]


def test_images_of_any_kind_are_read(
    reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dot = canvas_of(coverage([[(0.0, 0.0), (0.0, 0.0)]], pen=40))
    paths = [
        save(drawing(3), tmp_path / "slate.png"),
        save(drawing(2, ink=BLACK, paper=WHITE), tmp_path / "paper.jpg", "RGB"),
        save(drawing(7, ink=BLACK, paper=(0, 0, 0, 0)), tmp_path / "transparent.png"),
        save(drawing(0), tmp_path / "grey.png", "L"),
        save(drawing(5), tmp_path / "palette.gif", "P"),
        save(np.full((30, 40, 4), 255, np.uint8), tmp_path / "blank.png"),
        save(dot, tmp_path / "dot.png"),
    ]
    assert main(["predict", str(reader_file), *paths]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = [line.removeprefix(f"{path}: ") for line, path in zip(lines, paths, strict=True)]
    for line, digit in zip(said, (3, 2, 7, 0, 5), strict=False):
        assert re.fullmatch(rf"{digit} \(\d+%\)|not sure: {digit} or \d\? \(\d+%\)", line), line
    assert said[5:] == ["no digit: blank", "no digit: it does not look like one"]


def test_photos_and_numbers_are_read(
    reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo.jpg").write_bytes(file_of(photo(2)))
    paths = [str(tmp_path / "photo.jpg"), save(side_by_side("32"), tmp_path / "number.png")]
    assert main(["predict", str(reader_file), *paths]) == 0
    one, two = capsys.readouterr().out.splitlines()
    assert re.search(r"photo.jpg: (not sure: )?2 ", one)
    assert re.search(r"number.png: (not sure: )?32 \(\d+%\)", two)


def with_blot(path: Path, *rows: str) -> str:
    """A picture of rows of digits whose second mark is a blot."""
    ink = page_of(*rows)
    ink[40:100, 92:146] = 1.0
    return save(canvas_of(ink), path)


def test_a_page_is_said_with_a_space_between_its_rows(
    reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(canvas_of(page_of("305", "2987")), tmp_path / "page.png")
    assert main(["predict", str(reader_file), path]) == 0
    assert re.search(r"page.png: (not sure: )?305 2987 \(\d+%\)", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (("315",), r"no number: 3\?5, not a digit: mark 2 from the left"),
        (("315", "27"), r"no number: 3\?5 27, not a digit: mark 2 from the left in row 1"),
    ],
)
def test_a_mark_that_is_no_digit_is_named_and_the_others_are_read(
    reader_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rows: tuple[str, ...],
    says: str,
) -> None:
    path = with_blot(tmp_path / "blot.png", *rows)
    assert main(["predict", str(reader_file), path]) == 0
    assert re.match(re.escape(f"{path}: ") + says, capsys.readouterr().out)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("3.2", "no number: 3?2, not a digit: mark 2 from the left (a point or comma)"),
        ("-5", "no number: ?5, not a digit: mark 1 from the left (a minus sign)"),
    ],
)
def test_a_point_and_a_minus_sign_are_named(
    reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    path = save(canvas_of(with_signs(text)), tmp_path / "signs.png")
    assert main(["predict", str(reader_file), path]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: {says}")
    main(["predict", "--json", str(reader_file), path])
    marks = json.loads(capsys.readouterr().out)["marks"]
    assert [it["sign"] for it in marks if it["refused"]] == ["point" if "." in text else "dash"]


def test_a_row_of_one_mark_is_named_by_its_row(
    reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ink = page_of("305", "7")
    ink[125:195, 36:86] = 1.0
    path = save(canvas_of(ink), tmp_path / "row.png")
    assert main(["predict", str(reader_file), path]) == 0
    assert "no number: 305 ?, not a digit: the mark in row 2" in capsys.readouterr().out


def test_a_photo_that_lies_on_its_side_is_turned_clockwise(
    reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lying.jpg"
    path.write_bytes(file_of(np.rot90(photo(3))))
    assert main(["predict", "--rotate", "90", str(reader_file), str(path)]) == 0
    assert re.search(r"lying.jpg: (not sure: )?3 ", capsys.readouterr().out)
    for degrees in ("45", "-90", "x"):
        assert "--rotate" in refused(capsys, "predict", "--rotate", degrees, reader_file, path)


def test_every_picture_in_a_folder_is_read_in_order(
    reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [save(drawing(d), tmp_path / n) for n, d in (("b.png", 3), ("a.PNG", 2), ("c.gif", 0))]
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    assert main(["predict", str(reader_file), str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [paths[1], paths[0], paths[2]]


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(
    reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_bytes(b"this is no image")
    three = save(drawing(3), tmp_path / "b.png")
    (tmp_path / "c.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    notes, missing = tmp_path / "notes.txt", tmp_path / "missing.png"
    notes.write_text("no picture")
    command = ["predict", str(reader_file), str(missing), str(tmp_path), str(notes)]
    assert main(command) == 2
    streams = capsys.readouterr()
    assert streams.out.startswith(f"{three}: ")
    assert streams.out.count("\n") == 1
    named = [line.split(": ")[1] for line in streams.err.splitlines()]
    assert named == [str(missing), str(tmp_path / "a.png"), str(tmp_path / "c.HEIC"), str(notes)]
    assert "send it as a JPEG" in streams.err


def test_json_has_a_line_for_each_picture_with_all_that_is_known_of_its_marks(
    reader: Network, reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [
        save(drawing(3), tmp_path / "three.png"),
        with_blot(tmp_path / "blot.png", "315", "27"),
        save(np.full((30, 40, 4), 255, np.uint8), tmp_path / "blank.png"),
        str(tmp_path / "missing.png"),
    ]
    assert main(["predict", "--json", str(reader_file), *paths]) == 2
    three, blot, blank, missing = map(json.loads, capsys.readouterr().out.splitlines())
    assert [it["file"] for it in (three, blot, blank, missing)] == paths
    reading = read(reader, drawing(3))
    assert three["digits"] == "3"
    assert three["marks"] == [
        {
            "row": 1,
            "digit": 3,
            "runner_up": reading.runner_up,
            "confidence": pytest.approx(reading.confidence, abs=1e-2),
            "refused": False,
            "probabilities": pytest.approx(reading.probabilities.tolist(), abs=1e-2),
        }
    ]
    assert blot["digits"] is None
    assert [it["row"] for it in blot["marks"]] == [1, 1, 1, 2, 2]
    assert [it["refused"] for it in blot["marks"]] == [False, True, False, False, False]
    assert [it["digit"] for it in blot["marks"]] == [3, None, 5, 2, 7]
    assert (blank["digits"], blank["marks"], blank["left_out"]) == (None, [], 0)
    assert missing["error"] == f"{paths[-1]}: No such file or directory"


def test_too_many_marks_are_said_to_be_left_out(
    reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(canvas_of(page_of("305", *["1234567890"] * 4, sizes=(0.9,))), tmp_path / "full.png")
    assert main(["predict", "--json", str(reader_file), path]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["marks"]) + found["left_out"] == 43
    main(["predict", str(reader_file), path])
    assert f"; too many marks, {found['left_out']} left out" in capsys.readouterr().out


def test_a_row_with_too_many_marks_is_one_mark_and_all_of_them_are_left_out(
    reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(canvas_of(page_of("7" * 41)), tmp_path / "long.png")
    assert main(["predict", "--json", str(reader_file), path]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (len(found["marks"]), found["left_out"]) == (1, 41)


def test_a_network_that_is_not_sure_names_two_digits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Network([Dense(784, 10)])
    network.layers[0].b[[4, 9]] = [5.0, 4.9]  # 148 and 134 of 291
    (tmp_path / "network.npz").write_bytes(checkpoint_bytes(network))
    image = save(drawing(4), tmp_path / "four.png")
    main(["predict", str(tmp_path / "network.npz"), image])
    assert capsys.readouterr().out == f"{image}: not sure: 4 or 9? (51%)\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            "train --recipe fast",
            "original, adam, deep, convolution, best; got 'fast'",
        ),
        ("train --epochs 0", "epochs: expected a whole number from 1 to 10,000, got 0"),
        ("train --epochs many", "argument --epochs: invalid int value: 'many'"),
        ("train --hidden 64 -5", "hidden: expected a whole number from 1 to 4,096, got -5"),
        ("train --dropout 1", "dropout: expected a number from 0 to below 1.*, got 1.0"),
        ("train --optimizer sgd", "argument --optimizer: invalid choice: 'sgd' .*adamw"),
        ("train --batch-size 0", "expected 'full' or a number from 1, got 0"),
        ("train --batch-size 70000", "at most the 55000 training samples, got 70000"),
        ("train --batch-size 1 --batch-norm", "batch_size: expected 2 or more with batch_norm"),
        ("train --warmup 11", "warmup: expected at most the 10 epochs"),
        (
            "train --seed -1",
            "argument --seed: expected a whole number from 0 to 9,.*,991, got '-1'",
        ),
        ("train --seed x", "argument --seed: expected a whole number from 0 to 9,.*,991, got 'x'"),
        (f"train --seed {2**60}", f"argument --seed: expected .* from 0 to .*, got {2**60}"),
        ("train --epoch-count 3", "unrecognized arguments: --epoch-count 3"),
        ("train --out nowhere/network.npz", "nowhere/network.npz: there is no folder"),
        ("train --out nn", "nn: expected a file to write to, found a folder"),
        ("evaluate nowhere/network.npz", "network.npz: there is no such file"),
        ("evaluate nn", "nn: expected an .npz checkpoint"),
        ("evaluate LICENSE", "LICENSE: expected an .npz checkpoint"),
        ("evaluate", "the following arguments are required: file"),
        ("predict", "the following arguments are required: file, IMAGE"),
        ("tra1n", "invalid choice: 'tra1n'"),
        ("", "the following arguments are required: COMMAND"),
    ],
)
@pytest.mark.usefixtures("shared_mnist")
def test_what_is_refused_is_told_in_one_line_with_exit_status_two(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: str, says: str
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert re.search(says, refused(capsys, *arguments.split()))


def test_a_truncated_checkpoint_is_refused(
    reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = tmp_path / "part.npz"
    part.write_bytes(reader_file.read_bytes()[:20_000])
    for arguments in (["evaluate", part], ["predict", part, part]):
        assert "part.npz: expected an .npz checkpoint" in refused(capsys, *arguments)


def test_a_file_that_is_no_image_is_refused_by_name(
    reader_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Path(save(drawing(3), tmp_path / "three.png")).read_bytes()
    header = bytearray(whole)
    header[16:24] = bytes.fromhex("0000270f 0000270f")  # says 9999 x 9999
    files = {
        "text.png": b"this is no image",
        "empty.png": b"",
        "truncated.png": whole[: len(whole) // 2],
        "vast.png": bytes(header),
    }
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert f"{name}: expected" in refused(capsys, "predict", reader_file, path)
    missing = refused(capsys, "predict", reader_file, tmp_path / "none.png")
    assert missing == f"{tmp_path / 'none.png'}: No such file or directory"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "empty: expected a folder with pictures" in refused(
        capsys, "predict", reader_file, empty
    )


@pytest.mark.parametrize(
    "options", [("5", "--optimizer", "gd"), ("3", "--recipe", "original", "--batch-size", "full")]
)
@pytest.mark.usefixtures("shared_mnist")
def test_a_training_that_diverges_is_told_in_one_line_and_not_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    out = tmp_path / "network.npz"
    said = refused(capsys, "train", *QUICK, *options, "--learning-rate", "1000", "--out", out)
    assert "diverged" in said
    assert "try a learning rate well below 1000" in said
    assert not out.exists()


@pytest.mark.usefixtures("shared_mnist")
def test_a_full_disk_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "network.npz"))

    monkeypatch.setattr("nn.command_line.main.save_checkpoint", full)
    said = refused(capsys, "train", *QUICK, "1", "--out", tmp_path / "network.npz")
    assert said == f"{tmp_path / 'network.npz'}: No space left on device"


@pytest.mark.parametrize("command", [[], ["train"], ["evaluate"], ["predict"]])
def test_help_is_printed(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(" ".join(["usage: python -m nn", *command]))
    if command == ["train"]:
        assert "epochs of linear warm-up" in text


def test_the_package_runs_as_a_program(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nn", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)

    helped = run("--help")
    assert helped.returncode == 0
    assert {"train", "evaluate", "predict"} <= set(helped.stdout.split())
    refusal = run("evaluate", str(tmp_path / "none.npz"))
    assert (refusal.returncode, refusal.stdout) == (2, "")
    assert refusal.stderr == "error: none.npz: there is no such file\n"


@pytest.fixture
def three(tmp_path: Path, reader_file: Path) -> list[str]:
    """A command that says one line."""
    return ["predict", str(reader_file), save(drawing(3), tmp_path / "three.png")]


def run_into(output: int, command: list[str], **environment: str) -> tuple[int, str]:
    """Exit status and standard error of a command that writes into an open file."""
    done = subprocess.run(
        [sys.executable, "-m", "nn", *command],
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONUNBUFFERED": "", **environment},
        check=False,
    )
    os.close(output)
    return done.returncode, done.stderr


def without_reader() -> int:
    """The end of a pipe to write into whose other end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def test_a_reader_that_has_gone_ends_it_without_a_word(three: list[str]) -> None:
    assert run_into(without_reader(), three) == (1, "")
    assert run_into(without_reader(), three, PYTHONUNBUFFERED="1") == (1, "")
    assert run_into(without_reader(), ["train", "--help"]) == (1, "")


def test_without_a_standard_output_it_ends_as_with_one(three: list[str]) -> None:
    command = [sys.executable, "-m", "nn", *three]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command],
        capture_output=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_cannot_be_written_is_told_in_one_line(three: list[str]) -> None:
    status, said = run_into(os.open("/dev/full", os.O_WRONLY), three)
    assert (status, said) == (1, "error: file: No space left on device\n")


def test_a_shipped_network_is_what_its_card_says(mnist: tuple[Dataset, Dataset]) -> None:
    path = REPOSITORY / "weights" / "original.npz"
    if not path.exists():
        pytest.skip("weights/original.npz is not there: python -m nn train --recipe original")
    meta = load_checkpoint(path).meta
    assert Recipe.from_dict(meta["recipe"]) == RECIPES["original"]
    accuracy = evaluate(load_network(path), mnist[1]).accuracy
    assert accuracy == pytest.approx(meta["test_accuracy"], abs=2e-4)  # a close call may turn
    assert meta["test_accuracy"] >= 0.9463
