"""`modelseal.get`, and huggingface_hub's two functions for verified files only."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

import modelseal
from modelseal.errors import NotFound, Unavailable, Usage
from tests.support.client import Address
from tests.support.getter import CACHED, FILES, NAME, NEWER, NINE, NOT_SEALED, ONE, REPO, TWO, Getter, a_world, getting
from tests.support.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return a_world()


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[Address]:
    with Address(world.files()) as address:
        yield address


@pytest.fixture
def getter(tmp_path: Path, world: World, address: Address, monkeypatch: pytest.MonkeyPatch) -> Iterator[Getter]:
    with getting(tmp_path, world, address) as getter:
        for name, value in getter.env.items():
            monkeypatch.setenv(name, value)
        yield getter


def test_a_snapshot_is_where_the_hubs_own_client_has_it(getter: Getter) -> None:
    path = modelseal.snapshot_download(NAME)
    assert path == str(getter.snapshot())
    assert getter.there() == NEWER
    assert modelseal.snapshot_download(NAME, revision="v1") == str(getter.snapshot(ONE))
    assert modelseal.snapshot_download(NAME, revision=ONE, local_files_only=True) == str(getter.snapshot(ONE))
    assert modelseal.snapshot_download("acme-lab/corpus", repo_type="dataset").endswith(f"--corpus/snapshots/{ONE}")


def test_patterns_and_folders_are_as_there(getter: Getter, tmp_path: Path) -> None:
    path = modelseal.snapshot_download(NAME, allow_patterns=["*.json"], ignore_patterns="sub/*")
    assert set(getter.there()) == {"config.json"} and path == str(getter.snapshot())
    local = modelseal.snapshot_download(NAME, local_dir=tmp_path / "atlas", allow_patterns="*.json")
    assert local == str(tmp_path / "atlas")
    assert sorted(path.name for path in (tmp_path / "atlas").iterdir()) == ["config.json", "sub"]


def test_one_file(getter: Getter) -> None:
    path = modelseal.hf_hub_download(NAME, "tokenizer.json", subfolder="sub")
    assert path == str(getter.snapshot() / "sub/tokenizer.json")
    assert Path(path).read_bytes() == NEWER["sub/tokenizer.json"]
    assert set(getter.there()) == {"sub/tokenizer.json"}
    for name in ("none.json", ".gitattributes", "*.json"):
        with pytest.raises(NotFound, match="none is called"):
            modelseal.hf_hub_download(NAME, name)
    assert modelseal.hf_hub_download(NAME, "config.json", revision=ONE).endswith(f"{ONE}/config.json")


def config(repo_id: str, **options: Any) -> str:
    return modelseal.hf_hub_download(repo_id, "config.json", **options)


@pytest.mark.parametrize("call", [modelseal.snapshot_download, config])
def test_what_is_not_verified_raises_with_the_verdict(call: Callable[..., str], getter: Getter) -> None:
    getter.hub.commit("models/someuser/tiny-lm", FILES, id=NINE)
    with pytest.raises(modelseal.NotVerified, match=r"^UNKNOWN someuser/tiny-lm") as unknown:
        call("someuser/tiny-lm")
    assert (unknown.value.verdict.word, unknown.value.exit_code) == ("unknown", 5)
    assert Path(call("someuser/tiny-lm", accept=["unknown"])).exists()
    getter.hub.lie(REPO, "config.json", b"??")
    with pytest.raises(modelseal.NotVerified, match="1 file differs") as failed:
        call(NAME)
    assert [one.name for one in failed.value.verdict.findings] == ["config.json"]
    assert not getter.snapshot().exists()


def test_without_the_hub_only_what_lies_there_and_is_right(getter: Getter) -> None:
    with pytest.raises(Unavailable, match="the Hub may not be asked"):
        modelseal.snapshot_download(NAME, local_files_only=True)
    modelseal.snapshot_download(NAME)
    getter.hub.close()
    assert modelseal.snapshot_download(NAME, local_files_only=True) == str(getter.snapshot())
    (getter.snapshot() / "loader.py").write_text("evil")
    with pytest.raises(modelseal.NotVerified, match="1 file was added"):
        modelseal.snapshot_download(NAME, local_files_only=True)


def test_a_token_is_sent_where_it_is_for(getter: Getter) -> None:
    getter.hub.repos[REPO].gated = "auto"
    token = getter.hub.token(REPO)
    assert modelseal.snapshot_download(NAME, token=token) == str(getter.snapshot())
    assert {sent for _, sent in getter.hub.tokens} == {token}


def test_another_hub(getter: Getter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(Unavailable):
        modelseal.snapshot_download(NAME)
    assert modelseal.snapshot_download(NAME, endpoint=getter.hub.url) == str(getter.snapshot())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"repo_type": "kernel"}, "cannot be sealed"),
        ({"headers": {"Authorization": "Bearer x"}}, "a token goes into token="),
        ({"dry_run": True}, "no path to give"),
        ({"allow_patterns": []}, "an empty list"),
        ({"revision": "refs/pr/1"}, "anybody can open a pull request"),
        ({"repo_id": "gpt2"}, "has no owner"),
        ({"repo_id": f"{NAME}@v1"}, "revision="),
    ],
)
def test_what_makes_no_sense_is_said(given: dict[str, Any], words: str, getter: Getter) -> None:
    with pytest.raises(Usage, match=words):
        modelseal.snapshot_download(**{"repo_id": NAME, **given})
    assert not getter.cache.exists()


@pytest.mark.parametrize("name", ["snapshot_download", "hf_hub_download"])
def test_the_parameters_are_those_of_the_hubs_own_client(name: str) -> None:
    ours = inspect.signature(getattr(modelseal, name)).parameters
    theirs = inspect.signature(getattr(huggingface_hub, name)).parameters
    assert set(ours) - set(theirs) == {"accept"}
    assert set(theirs) <= set(ours)
    for parameter in theirs.values():
        assert ours[parameter.name].default == parameter.default, parameter.name


def test_get_says_what_came_of_it(getter: Getter) -> None:
    got = modelseal.get(NAME, include=["*.json"])
    assert got and got.path == getter.snapshot() and got.revision == TWO
    assert got.fetched == ("config.json", "sub/tokenizer.json") and got.fetched_bytes == 5
    assert (got.ignored, got.removed, got.verdict.equal) == (tuple(sorted(NOT_SEALED)), (), 2)
    again = modelseal.get(NAME, recheck=True)
    assert (again.fetched, again.present) == (("model.safetensors",), 2)
    bad = modelseal.get("nobody/none")
    assert not bad and bad.path is None and bad.exit_code == 5
    assert CACHED in str(getter.snapshot())
