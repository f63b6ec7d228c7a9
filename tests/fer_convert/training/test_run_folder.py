"""A run folder belongs to one configuration, and to one from before settings were renamed as well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fer_convert.training.recipe import Recipe
from fer_convert.training.run_folder import Progress, run_folder
from fer_edge.errors import SettingsError


def settings(recipe: Recipe, soft_labels: str | None = None) -> dict[str, Any]:
    """A configuration of `recipe`, as `configuration` makes it."""
    data = {"name": "fer2013.csv", "sha256": "ab", "classes": ["calm", "tense"]}
    versions = {"keras": "3.13"}
    return {
        "recipe": recipe.as_json(),
        "from": None,
        "soft_labels": soft_labels,
        "data": data,
        "versions": versions,
    }


def as_before_the_rename(content: dict[str, Any], **recipe: Any) -> str:
    """config.json as it was until 0.1.0: `teachers` and `label_share`."""
    old = {**content, "teachers": content["soft_labels"], "recipe": {**content["recipe"], **recipe}}
    old["recipe"]["label_share"] = old["recipe"].pop("hard_label_weight")
    del old["soft_labels"]
    return json.dumps(old)


@pytest.mark.parametrize("soft_labels", [None, "cd"])
def test_older_run_goes_on(tmp_path: Path, soft_labels: str | None) -> None:
    """Its weight and its file of soft labels are compared under their new names."""
    content = settings(Recipe(hard_label_weight=0.25), soft_labels)
    (tmp_path / "config.json").write_text(as_before_the_rename(content))
    with run_folder(tmp_path, content):
        pass
    changed = settings(Recipe(hard_label_weight=0.5), "ef")
    message = rf"recipe\.hard_label_weight: 0\.25 -> 0\.5; soft_labels: {soft_labels} -> ef"
    with (
        pytest.raises(SettingsError, match=message),
        run_folder(tmp_path, changed),
    ):
        pass


def test_run_from_before_optimizers_goes_on(tmp_path: Path) -> None:
    """A run without the setting was trained by AdamW, and goes on by it alone."""
    content = settings(Recipe())
    old = json.loads(as_before_the_rename(content))
    del old["recipe"]["optimizer"]
    (tmp_path / "config.json").write_text(json.dumps(old))
    with run_folder(tmp_path, content):
        pass
    with (
        pytest.raises(SettingsError, match=r"recipe\.optimizer: adamw -> muon"),
        run_folder(tmp_path, settings(Recipe(optimizer="muon"))),
    ):
        pass


def test_other_versions_go_on(tmp_path: Path) -> None:
    """A library may be updated between two parts of a run."""
    with run_folder(tmp_path, settings(Recipe())):
        pass
    with run_folder(tmp_path, {**settings(Recipe()), "versions": {"keras": "4"}}):
        pass
    assert json.loads((tmp_path / "config.json").read_text())["versions"] == {"keras": "3.13"}


def test_plateau_halves_the_rate_after_patience() -> None:
    """After `patience` epochs without a better accuracy the rate halves, and then waits as long again."""
    recipe, progress = Recipe(schedule="plateau", patience=2), Progress()
    scales = []
    for accuracy in (0.3, 0.4, 0.4, 0.3, 0.4, 0.4, 0.5, 0.5):
        progress.add({"val_accuracy": accuracy}, recipe)
        scales.append(progress.scale)
    assert scales == [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert (progress.epoch, progress.best, progress.best_epoch) == (8, 0.5, 7)
