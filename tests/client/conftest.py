"""One registry for all tests of commands; each test has a namespace of its own in it.

Or a `world` of the module's own: `someone` asks its static files, and `cache` is where the Hub's client puts things.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cache import HubCache
from tests.support.client import Address, Someone
from tests.support.person import Person
from tests.support.servers import RegistryProcess, running
from tests.support.world import World


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


@pytest.fixture
def address(world: World) -> Iterator[Address]:
    with Address(world.files()) as address:
        yield address


@pytest.fixture
def someone(tmp_path: Path, world: World, address: Address) -> Someone:
    return Someone(tmp_path, world, address)


@pytest.fixture
def cache(someone: Someone) -> HubCache:
    return HubCache(someone.home / ".cache/huggingface/hub")
