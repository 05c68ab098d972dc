from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from modelseal_registry import config, keyfiles
from modelseal_registry.config import Place
from modelseal_registry.init import fresh_folder
from tests.support.servers import operate


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_init_prints_one_value_and_makes_a_whole_registry(tmp_path: Path) -> None:
    done = operate(tmp_path / "reg", "init", "--origin", "registry.example/log", "-q")
    assert re.fullmatch(r"https://registry\.example/log#sha256:[0-9a-f]{64}\n", done.out)
    assert config.read(Place(tmp_path / "reg")).origin == "registry.example/log"
    for name in ("checkpoint", "tile/0/000.p/2", "tile/entries/000.p/2", "trust/1.root.json", "trust/timestamp.json"):
        assert (tmp_path / "reg/public" / name).is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["reg"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
def test_the_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    operate(tmp_path / "reg", "init", "--origin", "registry.example")
    keys = tmp_path / "reg/keys"
    assert keys.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir()} == dict.fromkeys(
        (keyfiles.LOG, keyfiles.COSIGNER, keyfiles.ONLINE, keyfiles.OPERATOR), 0o600
    )


def test_people_are_told_what_the_trying_out_key_means_and_what_to_do_next(tmp_path: Path) -> None:
    done = operate(tmp_path / "reg", "init", "--origin", "registry.example")
    assert done.out.startswith("MADE registry.example in ")
    assert "for trying out" in done.out
    assert "serve" in done.out and "modelseal trust add https://registry.example#sha256:" in done.out


def test_an_existing_registry_is_refused_and_not_changed(tmp_path: Path) -> None:
    operate(tmp_path / "reg", "init", "--origin", "registry.example")
    before = everything(tmp_path / "reg")
    done = operate(tmp_path / "reg", "init", "--origin", "other.example", fine=(1,))
    assert "is not empty; nothing was changed" in done.err
    assert everything(tmp_path / "reg") == before


def test_a_folder_with_anything_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reg").mkdir()
    (tmp_path / "reg/notes.txt").write_text("mine")
    done = operate(tmp_path / "reg", "init", "--origin", "registry.example", "--json", fine=(1,))
    assert done.json["exit"] == 1 and "not empty" in done.json["error"]
    assert everything(tmp_path / "reg") == {"notes.txt": b"mine"}


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "reg").mkdir()
    operate(tmp_path / "reg", "init", "--origin", "registry.example")
    assert (tmp_path / "reg/registry.toml").is_file()


@pytest.mark.parametrize("origin", ["", "https://registry.example", "Registry.example", "registry.example/"])
def test_what_is_no_origin_is_refused_and_nothing_is_made(tmp_path: Path, origin: str) -> None:
    done = operate(tmp_path / "reg", "init", "--origin", origin, fine=(2,))
    assert "origin" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_failed_init_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), fresh_folder(tmp_path / "reg") as place:
        place.keys.mkdir()
        _ = 1 // 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_init_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".reg.init-abcdef"
    (left / "keys").mkdir(parents=True)
    (left / "keys/log.key").write_text("never used")
    operate(tmp_path / "reg", "init", "--origin", "registry.example")
    assert [path.name for path in tmp_path.iterdir()] == ["reg"]
