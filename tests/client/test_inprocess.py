"""`modelseal.guard()` inside a process: huggingface_hub, in whatever version is installed, gets sealed bytes only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import modelseal
from modelseal.errors import Refused, Unavailable, Usage
from modelseal.hub import client
from modelseal.journeys.inprocess import guard
from modelseal.verdict import NotVerified, Word
from tests.support import make
from tests.support.cache import HubCache
from tests.support.client import Address, Someone
from tests.support.hub import Hub
from tests.support.scene import ACME, ANA, CI, GOOD, NAME, publish
from tests.support.world import World

COMMIT = make.revision(1)
BIG = {
    "config.json": b"{}",
    "sub/model.safetensors": bytes(range(256)) * 16_384,
}  # 4 MiB: streamed, not held until checked
DATA, SPACE = "hf://datasets/acme-lab/corpus", "hf://spaces/acme-lab/demo"
TYPES = {"model": "acme-lab/big", "dataset": "acme-lab/corpus", "space": "acme-lab/demo"}


@pytest.fixture(scope="module")
def world() -> World:
    world = World(now=int(time.time()))
    world.claim(ACME, [ANA], [(CI, f"hf://{kind}acme-lab/*") for kind in ("", "datasets/", "spaces/")])
    publish(world, 1, GOOD)
    publish(world, 2, BIG, f"{ACME}/big")
    publish(world, 3, BIG, DATA)
    publish(world, 4, BIG, SPACE)
    return world


@dataclass
class Here:
    """This process as a program that loads models."""

    hub: Hub
    home: Path
    cache: Path
    api: Any

    def load(self, name: str, file: str, type: str = "model", **options: Any) -> bytes:
        found = self.api.hf_hub_download(name, file, repo_type=type, **options)
        return Path(found).read_bytes()

    def snapshot(self, name: str = NAME, type: str = "model", **options: Any) -> dict[str, bytes]:
        found = Path(self.api.snapshot_download(name, repo_type=type, **options))
        return {path.relative_to(found).as_posix(): path.read_bytes() for path in found.rglob("*") if path.is_file()}

    @property
    def kept(self) -> list[str]:
        """What a loader may find in the cache."""
        return sorted(path.name for path in self.home.rglob("snapshots/*/**/*") if path.is_file())


@pytest.fixture
def here(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    from huggingface_hub import HfApi, constants

    with Hub() as hub, Address(world.files()) as address:
        someone = Someone(tmp_path, world, address)
        hub.commit(f"models/{NAME}", GOOD, id=COMMIT)
        for number, (type, name) in enumerate(TYPES.items(), start=2):
            hub.commit(f"{type}s/{name}", BIG, id=make.revision(number))
        for name, value in {**someone.env, "HF_ENDPOINT": hub.url}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(someone.here)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + template)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        yield Here(hub, tmp_path, tmp_path / "hub", HfApi(endpoint=hub.url, token=False))


@pytest.mark.parametrize("cdn", [False, True], ids=["from the Hub", "from elsewhere, with Xet on offer"])
@pytest.mark.parametrize("type", TYPES)
def test_sealed_repos_of_every_type_are_downloaded_whole(here: Here, type: str, cdn: bool) -> None:
    here.hub.cdn = here.hub.xet = cdn
    with modelseal.guard():
        assert here.snapshot(TYPES[type], type) == BIG
        assert here.load(TYPES[type], "config.json", type) == b"{}"
    assert not any("xet" in path for _, path in here.hub.asked)
    assert bool(here.hub.cdn_asked) == cdn


def test_other_bytes_are_refused_and_stay_refused(here: Here) -> None:
    bad = BIG["sub/model.safetensors"][:-1] + b"x"
    here.hub.lie("models/acme-lab/big", "sub/model.safetensors", bad)
    with guard():
        for _ in range(2):
            with pytest.raises(NotVerified, match=r"model.safetensors of acme-lab/big is not the sealed file") as e:
                here.load("acme-lab/big", "sub/model.safetensors")
            assert e.value.exit_code == 1 and e.value.verdict.word == Word.FAILED
        assert here.load("acme-lab/big", "config.json") == b"{}"
    assert here.kept == ["config.json"]
    path = f"/acme-lab/big/resolve/{make.revision(2)}/sub/model.safetensors"
    assert here.hub.asked.count(("GET", path)) == 1  # the second time nobody asked again


def test_a_small_file_with_other_bytes_is_refused_before_any_of_it_arrives(here: Here) -> None:
    here.hub.lie(f"models/{NAME}", "config.json", b'{"model_type": "eviL!"}')
    with guard(), pytest.raises(NotVerified, match=r"config.json of acme-lab/atlas-7b is not the sealed file"):
        here.snapshot()
    assert "config.json" not in here.kept


def test_a_file_that_nobody_sealed_is_hidden_and_refused_by_name(here: Here) -> None:
    here.hub.rewrite(f"models/{NAME}", COMMIT, {**GOOD, "loader.py": b"import os", ".gitattributes": b"*"})
    with guard():
        assert here.snapshot() == GOOD
        with pytest.raises(NotVerified, match=r"FAILED acme-lab/atlas-7b: loader.py is not in its seal"):
            here.load(NAME, "loader.py")
    assert "loader.py" not in here.kept


def test_a_file_that_is_nowhere_is_absent_as_on_the_hub(here: Here) -> None:
    from huggingface_hub import errors

    with guard():
        with pytest.raises(errors.EntryNotFoundError):
            here.load(NAME, "added_tokens.json")
        assert not here.api.file_exists(NAME, "chat_template.jinja") and here.api.file_exists(NAME, "config.json")


def test_a_repo_without_a_verdict_and_a_commit_that_nobody_sealed_are_refused(here: Here) -> None:
    here.hub.commit("models/someuser/tiny", GOOD)
    newer = here.hub.commit(f"models/{NAME}", {"config.json": b"newer"})
    with guard():
        with pytest.raises(NotVerified, match="UNKNOWN someuser/tiny") as e:
            here.snapshot("someuser/tiny")
        assert e.value.exit_code == 5
        with pytest.raises(NotVerified, match="atlas-7b"):
            here.load(NAME, "config.json", revision=newer)
        with pytest.raises(Unavailable, match="pull request"):
            here.load(NAME, "config.json", revision="refs/pr/1")
        assert here.load(NAME, "config.json") == GOOD["config.json"]  # the newest release, whatever main is by now


def test_nothing_that_the_cache_had_before_is_used(here: Here) -> None:
    """Not by name, not by commit id, not without the network, not under the name of a digest."""
    from huggingface_hub import errors

    lies = {"config.json": b'{"auto_map": {"AutoModel": "loader.M"}}', "loader.py": b"import os"}
    HubCache(here.cache).snapshot("models--acme-lab--atlas-7b", COMMIT, {**GOOD, **lies})
    assert here.load(NAME, "config.json", revision=COMMIT) == lies["config.json"]
    with guard():
        with pytest.raises(errors.LocalEntryNotFoundError):
            here.load(NAME, "config.json", revision=COMMIT, local_files_only=True)
        assert here.snapshot(revision=COMMIT) == GOOD
        assert here.load(NAME, "config.json", revision=COMMIT, local_files_only=True) == GOOD["config.json"]
    asked = len(here.hub.asked)
    with guard():  # what came through a guard is there the next time
        assert here.load(NAME, "config.json", revision=COMMIT) == GOOD["config.json"]
    assert len(here.hub.asked) == asked


def test_a_folder_of_ones_own_gets_sealed_files_and_loses_others(here: Here) -> None:
    """Our tags are digests, so huggingface_hub compares what lies there, small files too."""
    folder = here.home / "folder"
    folder.mkdir()
    (folder / "config.json").write_bytes(b"x" * len(GOOD["config.json"]))
    with guard():
        here.api.snapshot_download(NAME, local_dir=folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == GOOD


def test_parts_of_files_are_read_once_the_whole_has_been_checked(here: Here) -> None:
    from huggingface_hub import HfFileSystem

    HfFileSystem.clear_instance_cache()
    fs = HfFileSystem(endpoint=here.hub.url, token=False)
    with guard():
        assert (
            fs.read_bytes("acme-lab/big/sub/model.safetensors", start=1000, end=1010)
            == BIG["sub/model.safetensors"][1000:1010]
        )
        assert fs.ls("datasets/acme-lab/corpus", detail=False) == [
            "datasets/acme-lab/corpus/config.json",
            "datasets/acme-lab/corpus/sub",
        ]
    HfFileSystem.clear_instance_cache()
    here.hub.lie("models/acme-lab/big", "sub/model.safetensors", b"x" * len(BIG["sub/model.safetensors"]))
    with guard(), pytest.raises(NotVerified, match="not the sealed file"):
        HfFileSystem(endpoint=here.hub.url, token=False).read_bytes(
            "acme-lab/big/sub/model.safetensors", start=0, end=10
        )
    HfFileSystem.clear_instance_cache()


def test_tokens_go_to_the_hub_alone(here: Here) -> None:
    here.hub.cdn = True
    token = here.hub.token("models/acme-lab/big")
    here.hub.repos["models/acme-lab/big"].private = True
    from huggingface_hub import errors

    with guard():
        assert here.load("acme-lab/big", "sub/model.safetensors", token=token) == BIG["sub/model.safetensors"]
        with pytest.raises((errors.HfHubHTTPError, errors.LocalEntryNotFoundError)):
            here.api.hf_hub_download("acme-lab/big", "config.json", cache_dir=here.cache / "other")
    assert here.hub.cdn_asked and {sent for _, sent in here.hub.cdn_asked} == {None}
    assert {sent for _, sent in here.hub.tokens} == {token}


def test_async_clients_are_led_there_too(here: Here) -> None:
    from huggingface_hub.utils._http import get_async_session

    here.hub.lie("models/acme-lab/big", "sub/model.safetensors", BIG["sub/model.safetensors"][:-1] + b"x")

    async def get(path: str) -> Any:
        async with get_async_session() as session:
            return await session.get(f"{here.hub.url}{path}")

    with guard():
        assert asyncio.run(get(f"/{NAME}/resolve/main/config.json")).content == GOOD["config.json"]
        with pytest.raises(NotVerified, match="not the sealed file"):
            asyncio.run(get("/acme-lab/big/resolve/main/sub/model.safetensors"))
        with pytest.raises(NotVerified, match="UNKNOWN"):
            asyncio.run(get("/someuser/tiny/resolve/main/config.json"))


def test_another_hub_is_not_asked_and_writing_is_nobodys_business(here: Here, tmp_path: Path) -> None:
    from huggingface_hub import HfApi

    with Hub() as other, guard():
        other.commit("models/someuser/tiny", GOOD)
        with pytest.raises(Refused, match="is not the Hub that is guarded here"):
            HfApi(endpoint=other.url, token=False).hf_hub_download("someuser/tiny", "config.json", cache_dir=tmp_path)
        assert other.asked == []
        token = here.hub.token("ana")
        assert here.api.whoami(token=token)["name"] == "ana"
        here.api.create_repo("ana/mine", token=token)
        assert "models/ana/mine" in here.hub.repos


def test_when_nobody_answers_nothing_falls_back_to_the_cache(here: Here, world: World) -> None:
    HubCache(here.cache).snapshot("models--acme-lab--atlas-7b", COMMIT, GOOD)
    here.hub.close()
    with guard(), pytest.raises(Unavailable, match="acme-lab/atlas-7b"):
        here.snapshot()


def test_our_own_questions_and_downloads_do_not_go_through_it(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """They judge what comes themselves: and else each would ask the guard, which asks them."""
    monkeypatch.setenv("HF_HUB_CACHE", str(here.home / "mine"))
    here.hub.lie("models/acme-lab/big", "config.json", b"[]")
    with guard():
        assert modelseal.check(NAME)
        got = modelseal.get(NAME)
        assert got and {path.name for path in (here.home / "mine").rglob("snapshots/*/*")} == set(GOOD)
        assert not modelseal.get("acme-lab/big")


def test_all_is_as_before_when_it_ends(here: Here) -> None:
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    made: list[Any] = []

    def mine() -> Any:
        made.append(client.http().Client(headers={"X-Mine": "yes"}))
        return made[-1]

    before = _http._GLOBAL_CLIENT_FACTORY
    here.hub.commit("models/someuser/tiny", GOOD)
    _http.set_client_factory(mine)
    try:
        xet = constants.HF_HUB_DISABLE_XET
        guarding = modelseal.guard()
        assert constants.HF_HUB_DISABLE_XET
        with pytest.raises(Usage, match="guarded already"):
            guard()
        with pytest.raises(NotVerified):
            here.load("someuser/tiny", "config.json")
        guarding.close()
        guarding.close()
        assert xet == constants.HF_HUB_DISABLE_XET and _http._GLOBAL_CLIENT_FACTORY is mine
        assert here.load("someuser/tiny", "config.json") == GOOD["config.json"]
        with guard():
            assert here.load(NAME, "config.json") == GOOD["config.json"]
    finally:
        _http.set_client_factory(before)


def test_a_hub_that_is_named_too_late_is_no_hub(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Usage, match=r"the environment names http://127.0.0.1:9") as e:
        guard()
    assert e.value.hint == "set HF_ENDPOINT before huggingface_hub is loaded"


def test_without_a_trust_root_there_is_no_guard(here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("MODELSEAL_HOME", str(tmp_path / "none"))
    with pytest.raises(Unavailable, match="trust"):
        guard()
    assert here.cache == Path(constants.HF_HUB_CACHE)


def test_errors_are_of_kinds_that_loaders_hand_on(here: Here) -> None:
    """Whatever catches OSError or ValueError to tell them from what it can recover from lets these through."""
    with guard():
        for repo, kind in (("someuser/tiny", NotVerified), ("gpt2", Refused)):
            with pytest.raises(kind) as e:
                here.load(repo, "config.json")
            assert isinstance(e.value, OSError) and isinstance(e.value, ValueError) and repo in str(e.value)
