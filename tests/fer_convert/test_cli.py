"""The command line: options, one-line errors, and one command where the extra is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fer_convert import cli
from fer_convert.training.recipe import Recipe
from fer_edge import errors

COMMANDS = ("train", "teach", "quantize", "evaluate")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_needs_no_training_library(command: str) -> None:
    code = (
        "import sys; from fer_convert.cli import main\n"
        f"try: main(['{command}', '--help'])\n"
        "finally: assert not {'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--data" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("missing", ["keras", "matplotlib"])
def test_without_the_extra_it_says_how_to_install_it(
    command: str, missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # what Python itself does where an import failed
    if missing == "matplotlib":
        monkeypatch.setitem(sys.modules, "keras", sys)  # stands for one that is there
    needed = {"train": [], "teach": ["--teacher", "model.keras", "--out", "answers.npz"]}.get(command, ["model.keras"])
    arguments = [command, *needed, "--data", "fer2013.csv"]
    assert cli.main(arguments) == errors.FerEdgeError.exit_code
    said = capsys.readouterr().err
    assert said.startswith(f"fer-convert: error: {missing} cannot be imported")
    assert "install it with: pip install 'fer-edge[convert]'" in said
    assert said.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["train", "--data", "none.csv"], errors.DataError, "data none.csv: no such file"),
        (["train", "--data", "x.csv", "--epochs", "0"], errors.SettingsError, "--epochs 0: allowed is 1 to 10000"),
        (["train", "--data", "x.csv", "--dim", "2"], errors.SettingsError, "--dim 2.0: allowed is 0 to 1"),
        # A setting without what heeds it is a mistake in the command, found out after hours otherwise.
        (["train", "--data", "x.csv", "--patience", "3"], errors.SettingsError, "without --schedule plateau; give"),
        (["train", "--data", "x.csv", "--focal-gamma", "1"], errors.SettingsError, "without --loss focal; give"),
        (["train", "--data", "x.csv", "--label-share", "0"], errors.SettingsError, "without --teachers FILE; give"),
        (
            ["train", "--data", "x.csv", "--noise", "0", "--noise-sigma", "6"],
            errors.SettingsError,
            "--noise-sigma 6.0: changes nothing without --noise above 0; give",
        ),
        (
            ["teach", "--data", "x.csv", "--out", "o.npz", "--blur", "0", "--blur-sigma", "1.5"],
            errors.SettingsError,
            "--blur-sigma 1.5: changes nothing without --blur above 0; give",
        ),
        (["quantize", "none.keras"], errors.DataError, "--data is missing"),
        (["quantize", "none.keras", "--data", "x.csv"], errors.ModelError, "model none.keras: no such file"),
        (["evaluate", "none.tflite", "--data", "x.csv"], errors.ModelError, "model none.tflite: no such file"),
        (
            ["quantize", "m.hdf5", "--data", "x.csv", "--input-range", "1", "-1"],
            errors.SettingsError,
            "--input-range 1.0 -1.0: the first must be less than the second",
        ),
        (["evaluate", "m.h5", "--data", "x.csv", "--input-range", "0", "inf"], errors.SettingsError, "both finite"),
        (["evaluate", "m.h5", "--data", "x.csv", "--input-range", "0", "nan"], errors.SettingsError, "both finite"),
        (["quantize", "m.h5", "--data", "x.csv", "--name", "a/b"], errors.SettingsError, "--name 'a/b': not a plain"),
    ],
)
def test_an_error_is_one_line_and_its_exit_code(
    arguments: list[str],
    error: type[errors.FerEdgeError],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == error.exit_code
    said = capfd.readouterr().err
    assert said.startswith("fer-convert: error: ")
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.slow
def test_an_unknown_backend_is_one_line() -> None:
    command = [sys.executable, "-m", "fer_convert.cli", "train", "--data", "x.csv"]
    environment = {**os.environ, "KERAS_BACKEND": "bogus"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == errors.SettingsError.exit_code
    assert done.stderr.startswith("fer-convert: error: KERAS_BACKEND=bogus: Keras refuses it")
    assert done.stderr.count("\n") == 1


@pytest.mark.process
def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    code = (
        "import sys; from fer_convert import cli\n"
        "class Fake:\n    evaluate = staticmethod(lambda *given, say: [say('x' * 9999) for _ in range(100)])\n"
        "cli._late = lambda module: Fake\n"
        "sys.exit(cli.main(['evaluate', 'm.tflite', '--data', 'x.csv']))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.close()
        assert run.stderr is not None
        assert run.stderr.read() == b""
    assert run.returncode == 141


def test_every_setting_is_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, sized = [], []

    class Fake:
        @staticmethod
        def train(*given: object, **named: object) -> None:
            seen.append(given)
            sized.append(named["sized"])

    monkeypatch.setattr(cli, "_late", lambda module: Fake)
    cli.main(["train", "--data", "x.csv", "--network", "other", "--batch", "8", "--rotation", "30", "--loss", "focal"])
    ((recipe, source, out, start),) = seen
    assert (recipe.network, recipe.batch, recipe.loss, recipe.augmentation.rotation) == ("other", 8, "focal", 30.0)
    assert (source, out, start) == (Path("x.csv"), Path("runs/other"), None)
    cli.main(["train", "--data", "x.csv", "--size", "64"])
    assert sized == [False, True]
    assert seen[1][0] == Recipe()
    heeded = ["--loss", "focal", "--focal-gamma", "1", "--schedule", "plateau", "--patience", "3"]
    cli.main(["train", "--data", "x.csv", *heeded, "--teachers", "a.npz", "--label-share", "0"])
    recipe = seen[2][0]
    assert (recipe.focal_gamma, recipe.patience, recipe.label_share) == (1.0, 3, 0.0)


def test_teach_passes_on_who_answers_and_how(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[tuple[object, ...], dict[str, object]]] = []
    fake = SimpleNamespace(teach=lambda *given, **named: seen.append((given, named)))
    monkeypatch.setattr(cli, "_late", lambda module: fake)
    command = ["teach", "--data", "x.csv", "--teacher", "a.keras", "--teacher", "b.keras", "--out", "o.npz"]
    cli.main(command)
    cli.main([*command, "--votes", "v.csv", "--per-face", "--views", "3"])
    (_, *given, _), _ = seen[0]
    assert given == [Path("x.csv"), [Path("a.keras"), Path("b.keras")], Path("o.npz")]
    assert [named for _, named in seen] == [
        {"people": None, "per_face": False},
        {"people": Path("v.csv"), "per_face": True},
    ]
    assert seen[1][0][0] == Recipe(views=3)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_stopped_training_says_how_to_go_on(faces_csv: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "fer_convert.cli",
        "train",
        "--data",
        str(faces_csv),
        "--out",
        str(tmp_path / "run"),
    ]
    command += ["--size", "48", "--epochs", "1000", "--batch", "32"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs inherit deafness to it
    ) as run:
        try:
            assert run.stdout is not None
            for line in run.stdout:
                if line.startswith("epoch 1/"):
                    run.send_signal(signal.SIGINT)
                    break
            _, said = run.communicate()
        finally:
            run.kill()
    assert run.returncode == 130, said
    assert said.strip() == "fer-convert: stopped; the same command goes on after the last whole epoch"
    assert (tmp_path / "run" / "state.npz").is_file()
