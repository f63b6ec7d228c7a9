"""The service's rigs, one after another: their containers share a folder, and a network."""

from __future__ import annotations

import pytest
from rig_tests import on_debian_as_root, run


@on_debian_as_root
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.rig("service")
@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_the_service_is_installed_lives_and_goes(suite: str) -> None:
    assert f"{suite}: removed, with all it had" in run("service.py", suite)


@on_debian_as_root
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.rig("service")
def test_a_service_with_old_packages_upgrades() -> None:
    """Its settings and its log stay, and it can be taken back."""
    assert "the report reads the log of both" in run("service_before.py")
