"""The command line: options, one-line errors, and one command if the extra is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fer_convert import cli
from fer_convert.messages import say
from fer_convert.options import label_list
from fer_convert.training.recipe import Recipe
from fer_edge import __version__, errors

COMMANDS = ("train", "distill", "train-verifier", "quantize", "evaluate")


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
def test_missing_extra_names_install_command(
    command: str, missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without Keras or matplotlib each command is one line with the one command that installs them."""
    monkeypatch.setitem(sys.modules, missing, None)  # as Python itself does if an import failed
    if missing == "matplotlib":
        pytest.importorskip("sklearn")  # which is looked for before
        monkeypatch.setitem(sys.modules, "keras", sys)  # stands for one that is there
    needed = {"distill": ["--teacher", "model.keras", "--out", "soft.npz"]}
    needed |= {"quantize": ["model.keras"], "evaluate": ["model.keras"]}
    arguments = [command, *needed.get(command, []), "--data", "fer2013.csv"]
    assert cli.main(arguments) == errors.FerEdgeError.exit_code
    said = capsys.readouterr().err
    assert said.startswith(f"fer-convert: error: {missing} cannot be imported")
    assert "install it with: pip install 'fer-edge[convert]'" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"prior": None, "votes": None}),
        (["--prior", "0"], {"prior": 0.0, "votes": None}),
        (["--votes", "v.csv", "--prior", "1"], {"prior": 1.0, "votes": Path("v.csv")}),
    ],
)
def test_quantize_gets_its_options(
    options: list[str], expected: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default prior is left to it, since it depends on the votes."""
    calls: list[dict[str, object]] = []
    module = SimpleNamespace(quantize=lambda *_, **given: calls.append(given))
    monkeypatch.setattr(cli, "_import", lambda _: module)
    assert cli.main(["quantize", "m.keras", "--data", "d.csv", *options]) == 0
    assert {name: calls[0][name] for name in expected} == expected


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["train", "--data", "none.csv"], errors.DataError, "data none.csv: no such file"),
        (["quantize", "none.keras"], errors.SettingsError, "required: --data; try: fer-convert quantize --help"),
        (["evaluete"], errors.SettingsError, "invalid choice: 'evaluete'"),
        (["train", "--epochs", "many"], errors.SettingsError, "try: fer-convert train --help"),
        (["quantize", "none.keras", "--data", "x.csv"], errors.ModelError, "model none.keras: no such file"),
        (["evaluate", "none.tflite", "--data", "x.csv"], errors.ModelError, "model none.tflite: no such file"),
        (["quantize", "m.h5", "--data", "x.csv", "--name", "a/b"], errors.SettingsError, "--name 'a/b': not a plain"),
    ],
)
def test_error_is_one_line(
    arguments: list[str],
    error: type[errors.FerEdgeError],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A user's mistake is one line on standard error, and an exit code of its own."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == error.exit_code
    said = capfd.readouterr().err
    assert said.startswith("fer-convert: error: ")
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.tensorflow
@pytest.mark.slow
def test_unknown_backend_is_one_line() -> None:
    """KERAS_BACKEND=bogus is refused with the known ones, not with Keras's traceback."""
    command = [sys.executable, "-m", "fer_convert.cli", "train", "--data", "x.csv"]
    environment = {**os.environ, "KERAS_BACKEND": "bogus"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == errors.SettingsError.exit_code
    assert done.stderr.startswith("fer-convert: error: KERAS_BACKEND=bogus: Keras refuses it")
    assert done.stderr.count("\n") == 1


@pytest.mark.process
def test_closed_pipe_ends_quietly() -> None:
    """`fer-convert evaluate … | head` leaves no traceback."""
    code = (
        "import sys; from fer_convert import cli\n"
        "class Fake:\n    evaluate = staticmethod(lambda *given, log, **more: [log('x' * 9999) for _ in range(100)])\n"
        "cli._import = lambda module: Fake\n"
        "sys.exit(cli.main(['evaluate', 'm.tflite', '--data', 'x.csv']))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.close()
        assert run.stderr is not None
        assert run.stderr.read() == b""
    assert run.returncode == 141


def test_every_setting_is_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field of Recipe and Augmentation can be given, and only those given differ from the defaults."""
    seen, sized = [], []

    class Fake:
        @staticmethod
        def train(*given: object, **named: object) -> None:
            seen.append(given)
            sized.append(named["size_given"])

    monkeypatch.setattr(cli, "_import", lambda module: Fake)
    cli.main(["train", "--data", "x.csv", "--network", "other", "--batch", "8", "--rotation", "30", "--loss", "focal"])
    ((recipe, source, out, start),) = seen
    assert (recipe.network, recipe.batch, recipe.loss, recipe.augmentation.rotation) == ("other", 8, "focal", 30.0)
    assert (source, out, start) == (Path("x.csv"), Path("runs/other"), None)
    cli.main(["train", "--data", "x.csv", "--size", "64"])
    assert sized == [False, True]
    assert seen[1][0] == Recipe()
    with_effect = ["--loss", "focal", "--focal-gamma", "1", "--schedule", "plateau", "--patience", "3"]
    cli.main(["train", "--data", "x.csv", *with_effect, "--soft-labels", "a.npz", "--hard-label-weight", "0"])
    recipe = seen[2][0]
    assert (recipe.focal_gamma, recipe.patience, recipe.hard_label_weight) == (1.0, 3, 0.0)


def test_distill_passes_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teachers, votes and --per-face reach `distill` as they were given."""
    seen: list[tuple[tuple[object, ...], dict[str, object]]] = []
    fake = SimpleNamespace(distill=lambda *given, **named: seen.append((given, named)))
    monkeypatch.setattr(cli, "_import", lambda module: fake)
    command = ["distill", "--data", "x.csv", "--teacher", "a.keras", "--teacher", "b.keras", "--out", "o.npz"]
    cli.main(command)
    cli.main([*command, "--votes", "v.csv", "--per-face", "--views", "3"])
    (_, *given), _ = seen[0]
    assert given == [Path("x.csv"), [Path("a.keras"), Path("b.keras")], Path("o.npz")]
    assert [named for _, named in seen] == [
        {"log": say, "vote_file": None, "per_face": False},
        {"log": say, "vote_file": Path("v.csv"), "per_face": True},
    ]
    assert seen[1][0][0] == Recipe(views=3)


@pytest.mark.tensorflow
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_stopped_training_can_go_on(faces_csv: Path, tmp_path: Path) -> None:
    """Ctrl-C ends a training with one line and a checkpoint."""
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
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs inherit that it is ignored
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


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"fer-convert {__version__}\n"


def test_labels_are_a_list() -> None:
    """Names parted by commas, in their order; what is none is refused."""
    assert label_list(" woman, man ") == ("woman", "man")
    for text in ("woman", "a,,b", "a,A", ""):
        assert cli.main(["evaluate", "m.keras", "--data", "x", f"--labels={text}"]) == 2
