"""What needs no Keras imports without it, so that `--help` is fast and most tests need no TensorFlow."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import fer_convert
import pytest

# Networks, and an optimizer that is a subclass of Keras's, are Keras code by nature.
NEEDS_KERAS = {f"fer_convert.networks.{name}" for name in ("cnn4", "mini_xception", "resnet", "vgg")}
NEEDS_KERAS |= {"fer_convert.verifier.network", "fer_convert.training.muon"}
NEEDS_KERAS |= {"fer_convert.__main__"}  # which runs the command


@pytest.mark.process
def test_modules_import_without_keras() -> None:
    """Each module but the Keras code itself imports in a process that has neither Keras, TensorFlow nor torch."""
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    names = [module.name for module in pkgutil.walk_packages(fer_convert.__path__, "fer_convert.")]
    assert len(names) > 40
    code = (
        "import importlib, sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('keras', 'tensorflow', 'torch'): raise ImportError(f'{name} is not there')\n"
        "sys.meta_path.insert(0, Missing())\n"
        f"for name in {sorted(set(names) - NEEDS_KERAS)}: importlib.import_module(name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.process
def test_main_is_the_command() -> None:
    """`python -m fer_convert` is `fer-convert`."""
    done = subprocess.run([sys.executable, "-m", "fer_convert", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: fer-convert ")
    assert "Faces -> a trained network" in done.stdout
