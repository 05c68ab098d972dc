"""One registry for all tests of commands; each test has a namespace of its own in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.person import Person
from tests.support.servers import RegistryProcess, running


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    with running(tmp_path_factory.mktemp("registry") / "reg") as found:
        yield found


@pytest.fixture
def person(tmp_path: Path, registry: RegistryProcess) -> Person:
    """Somebody who trusts the registry."""
    return Person(tmp_path, registry)


@pytest.fixture
def stranger(tmp_path: Path) -> Person:
    """Somebody who trusts nobody yet."""
    return Person(tmp_path)
