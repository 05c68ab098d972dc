from __future__ import annotations

from pathlib import Path

import pytest

from modelseal.errors import Usage
from modelseal_registry import config
from modelseal_registry.config import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def written(place: Place) -> str:
    return config.encode(config.defaults(place, "registry.example")).decode()


def test_what_init_writes_is_read_back(place: Place) -> None:
    expected = config.defaults(place, "registry.example/log")
    place.registry_toml.write_bytes(config.encode(expected))
    assert config.read(place) == expected
    mirror = config.mirror_defaults(place, "https://registry.example", bytes(32))
    place.mirror_toml.write_bytes(config.encode(mirror))
    assert config.read_mirror(place) == mirror


def test_every_field_has_a_comment(place: Place) -> None:
    blocks = written(place).split("\n\n")[1:]
    assert len(blocks) == len(config._REGISTRY)
    for block in blocks:
        comment, field = block.strip().split("\n")
        assert comment.startswith("# ") and len(comment) > 20, field


@pytest.mark.parametrize(
    ("origin", "url", "listen"),
    [
        ("registry.example", "https://registry.example", "127.0.0.1:8750"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000", "127.0.0.1:9000"),
        ("localhost:9000/a", "http://localhost:9000/a", "localhost:9000"),
        ("127.0.0.1.example", "https://127.0.0.1.example", "127.0.0.1:8750"),
    ],
)
def test_the_origin_is_the_url_without_its_scheme(place: Place, origin: str, url: str, listen: str) -> None:
    made = config.defaults(place, origin)
    assert (made.url, made.listen) == (url, listen)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("workers = ", "worker = 5\nworkers = ", "unknown field 'worker'"),
        ("workers = ", "# ", "workers is missing"),
        ("recosign_s = 240", "recosign_s = 3601", "recosign_s: 3601, allowed are 1 to 3600"),
        ("recosign_s = 240", "recosign_s = 0", "recosign_s"),
        ("recosign_s = 240", "recosign_s = true", "recosign_s"),
        ("max_age_s = 86400", "max_age_s = 479", "at most half of max_age_s (479)"),
        ('"registry.example"', '"Registry.Example"', "origin"),
        ('"127.0.0.1:8750"', '"8750"', "listen: '8750' is not HOST:PORT"),
        ('"127.0.0.1:8750"', '"127.0.0.1:65536"', "listen"),
        ('"https://registry.example"', '"ftp://registry.example"', "url"),
        ("max_age_s = ", "max_age_s == ", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(place: Place, old: str, new: str, words: str) -> None:
    text = written(place)
    assert old in text
    place.registry_toml.write_text(text.replace(old, new, 1))
    with pytest.raises(Usage) as e:
        config.read(place)
    assert words in str(e.value)
    assert "registry.toml" in str(e.value)


def test_a_folder_without_a_registry_says_how_to_make_one(place: Place) -> None:
    with pytest.raises(Usage) as e:
        config.read(place)
    assert "has no registry.toml" in str(e.value)
    assert "init --origin" in (e.value.hint or "")
