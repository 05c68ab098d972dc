"""`modelseal get` from olah, a Hub by others, as a mirror: honest it will do, corrupted it hands over nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import Address
from tests.support.getter import NAME, NEWER, Getter, a_world, getting
from tests.support.olah import olah


@pytest.fixture
def getter(tmp_path: Path) -> Iterator[Getter]:
    world = a_world()
    with Address(world.files()) as address, getting(tmp_path / "someone", world, address) as getter:
        yield getter


def test_an_untrusted_mirror_of_the_hub(getter: Getter, tmp_path: Path, loaders: Path) -> None:
    with olah(loaders, tmp_path / "olah", of=getter.hub.url) as mirror:
        getter.get(NAME, HF_ENDPOINT=mirror.url).says(0, "VERIFIED", "3 of 3 equal the seal")
        assert getter.there() == NEWER
        mirror.corrupt("model.safetensors")
        words = (NAME, "--cache-dir", "./other")
        ran = getter.get(*words, HF_ENDPOINT=mirror.url).says(1, "FAILED", "model.safetensors, same size")
        assert "VERIFIED" not in ran.out
        assert list((getter.someone.here / "other").glob("*/snapshots/*")) == []
        getter.get(*words).says(0, "VERIFIED", "1 file downloaded", "2 were right there already")  # from the Hub itself
