"""What `quantize` refuses before it needs Keras."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("sklearn")

from fer_convert.export import quantize
from fer_edge.errors import SettingsError


@pytest.mark.parametrize("name", ["a/b", "../x", "", ".", "..", ".x", "-x", "a\nb", "x" * 300])
def test_name_must_be_a_file_name(name: str, tmp_path: Path) -> None:
    """A name that could not stand in a file name is refused."""
    with pytest.raises(SettingsError, match="not a plain file name") as error:
        quantize.quantize(tmp_path / "model.keras", tmp_path, tmp_path, name=name)
    assert "\n" not in str(error.value)
