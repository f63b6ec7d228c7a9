"""The mean of networks that began alike is one of their kind; of others there is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from fer_convert.cli import main
from fer_convert.export import load
from fer_convert.training.average import average
from fer_edge.errors import ModelError, SettingsError

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(180)]

LABELS = ("calm", "glad", "tense")


def network(path: Path, fill: float, labels: tuple[str, ...] = LABELS, filters: int = 2) -> Path:
    """A network whose weights all are `fill`, and what stands beside it."""
    import keras

    image = keras.Input((48, 48, 1))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(filters, 3, strides=8)(image))
    model = keras.Model(image, keras.layers.Dense(len(labels), activation="softmax")(x), name="small")
    model.set_weights([np.full_like(weights, fill) for weights in model.get_weights()])
    model.save(path)
    known = {"labels": list(labels), "input_range": [0, 255], "learned_from": "votes", "class_weights": "none"}
    path.with_suffix(".json").write_text(json.dumps(known))
    return path


def test_weights_are_the_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And what is known of the networks stands beside the mean."""
    paths = [network(tmp_path / f"{fill}.keras", fill) for fill in (1.0, 2.0, 6.0)]
    out = tmp_path / "mean" / "best.keras"
    out.parent.mkdir()
    assert main(["average", *map(str, paths), "--out", str(out)]) == 0
    found = load.load(out)
    assert found.labels == LABELS
    assert found.learned_from == "votes"
    assert found.range == (0.0, 255.0)
    for weights in found.model.get_weights():
        np.testing.assert_array_equal(weights, 3.0)
    assert "small, the mean of 3 networks" in capsys.readouterr().out


def test_networks_without_a_card_give_one_that_loads(tmp_path: Path) -> None:
    """Of which no more is known than of them; it was written as empty, and refused."""
    paths = [network(tmp_path / f"{fill}.keras", fill) for fill in (1.0, 2.0)]
    for path in paths:
        path.with_suffix(".json").write_text(json.dumps({"labels": list(LABELS), "input_range": [0, 255]}))
    found = load.load(average(paths, tmp_path / "mean.keras"))
    assert (found.labels, found.learned_from) == (LABELS, "")


def test_other_networks_are_refused(tmp_path: Path) -> None:
    """One line says in what they differ, and nothing is written."""
    first, out = network(tmp_path / "a.keras", 1.0), tmp_path / "mean.keras"
    swapped = network(tmp_path / "b.keras", 1.0, ("glad", "calm", "tense"))
    with pytest.raises(
        ModelError, match=r"b\.keras: differs from .*a\.keras in its labels, glad, calm, tense; average"
    ):
        average([first, swapped], out)
    wider = network(tmp_path / "c.keras", 1.0, filters=3)
    with pytest.raises(ModelError, match=r"c\.keras: differs from .*a\.keras in its layers; average networks that"):
        average([first, wider], out)
    with pytest.raises(ModelError, match=r"none\.keras: no such file"):
        average([first, tmp_path / "none.keras"], out)
    assert not out.exists()


def test_mean_replaces_none_of_its_networks(tmp_path: Path) -> None:
    """Nor is it of one alone, nor another kind of file."""
    first, second = (network(tmp_path / f"{name}.keras", 1.0) for name in "ab")
    before = second.read_bytes()
    for out in (second, tmp_path / "x" / ".." / "b.keras", tmp_path / "mean.h5"):
        with pytest.raises(SettingsError, match=r"--out .*: name a \.keras file that is none of those"):
            average([first, second], out)
    with pytest.raises(SettingsError, match=r"a\.keras: a mean is of two networks or more"):
        average([first], tmp_path / "mean.keras")
    assert second.read_bytes() == before
