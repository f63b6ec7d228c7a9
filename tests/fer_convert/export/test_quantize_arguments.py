"""What `quantize`, `import` and `evaluate` refuse before they need Keras."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from fer_convert.evaluation import evaluate
from fer_convert.export import import_model, quantize
from fer_edge.errors import SettingsError, SinkError


@pytest.mark.parametrize("name", ["a/b", "../x", "", ".", "..", ".x", "-x", "a\nb", "x" * 300])
def test_name_must_be_a_file_name(name: str, tmp_path: Path) -> None:
    """A name that could not stand in a file name is refused."""
    with pytest.raises(SettingsError, match="not a plain file name") as error:
        quantize.quantize(tmp_path / "model.keras", tmp_path, tmp_path, name=name)
    assert "\n" not in str(error.value)


def test_place_is_looked_at_first(tmp_path: Path) -> None:
    """Before minutes of work whose result could not be written; nothing is made."""
    (tmp_path / "file").touch()
    model, out = tmp_path / "none.keras", tmp_path / "file" / "models"
    refused = r"--out .*models: cannot be created \(.*file is no folder\)"
    with pytest.raises(SinkError, match=refused):
        quantize.quantize(model, tmp_path, out)
    with pytest.raises(SinkError, match=refused):
        import_model.import_model(tmp_path / "none.tflite", ("a", "b"), out)
    with pytest.raises(SinkError, match=r"--report .*file is no folder"):
        evaluate.evaluate(model, tmp_path, folder=out)
    with pytest.raises(SinkError, match=r"a\.json: cannot be written \(no such folder"):
        evaluate.evaluate(model, tmp_path, json_file=tmp_path / "none" / "a.json")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
