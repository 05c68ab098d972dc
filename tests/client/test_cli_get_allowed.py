"""`modelseal get` of what has no seal, and of what the lock lists: only what people allow, and only those bytes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import make
from tests.support.client import Address, sealed_files
from tests.support.getter import CACHED, FILES, NAME, NEWER, ONE, REPO, TWO, Getter, a_world, getting
from tests.support.world import WATCHER, WEEK, World

SEEN = make.revision(7)
TINY = "models/someuser/tiny-lm"


@pytest.fixture(scope="module")
def world() -> World:
    now = int(time.time())
    world = World(observers=[WATCHER], now=now - 2 * WEEK)
    world.observe("hf://openai/tiny", 7, files=sealed_files(FILES))
    a_world(world)
    world.now = now
    return world


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[Address]:
    with Address(world.files()) as address:
        yield address


@pytest.fixture
def getter(tmp_path: Path, world: World, address: Address) -> Iterator[Getter]:
    with getting(tmp_path, world, address) as getter:
        getter.hub.commit("models/openai/tiny", FILES, id=SEEN)
        getter.hub.commit("models/openai/tiny", NEWER)
        getter.hub.commit(TINY, FILES)
        yield getter


def cached(getter: Getter, name: str, commit: str) -> dict[str, bytes]:
    return getter.there(commit, f"models--{name.replace('/', '--')}")


def test_what_was_observed_is_downloaded_only_once_it_is_accepted(getter: Getter) -> None:
    ran = getter.get("openai/tiny").says(9, "OBSERVED, NOT SIGNED openai/tiny", "; nothing was downloaded")
    assert getter.downloads() == [] and "VERIFIED" not in ran.out
    ran = getter.get("openai/tiny", "--accept", "observed").says(0, "ACCEPTED OBSERVED, NOT SIGNED")
    assert "VERIFIED" not in ran.out
    assert cached(getter, "openai/tiny", SEEN) == FILES  # the commit that was seen, not what `main` is by now
    found = getter.get("openai/tiny", "--accept", "observed", "--json").says(0).json
    assert (found["verdict"], found["use"], found["revision"]) == ("observed", "ask", SEEN)


def test_other_files_than_were_observed_are_never_accepted(getter: Getter) -> None:
    getter.hub.rewrite("models/openai/tiny", SEEN, {"config.json": b"??"})
    getter.get("openai/tiny", "--accept", "observed").says(1, "FAILED openai/tiny")
    getter.hub.rewrite("models/openai/tiny", SEEN, FILES)
    getter.hub.lie("models/openai/tiny", "model.safetensors", b"?" * len(FILES["model.safetensors"]))
    getter.get("openai/tiny", "--accept", "observed").says(1, "FAILED openai/tiny")
    assert not getter.snapshot(SEEN, "models--openai--tiny").exists()


def test_a_part_of_what_was_observed(getter: Getter) -> None:
    words = ("openai/tiny", "--accept", "observed", "--include", "*.json")
    getter.get(*words).says(0, "ACCEPTED OBSERVED, NOT SIGNED")
    assert set(cached(getter, "openai/tiny", SEEN)) == {"config.json", "sub/tokenizer.json"}
    getter.hub.lie("models/openai/tiny", "model.safetensors", b"?" * len(FILES["model.safetensors"]))
    getter.get(*words[:3], "--include", "model.*").says(1, "FAILED", "model.safetensors")
    assert set(cached(getter, "openai/tiny", SEEN)) == {"config.json", "sub/tokenizer.json"}


def test_what_is_accepted_although_unknown_must_be_what_the_hub_lists(getter: Getter) -> None:
    getter.hub.lie(TINY, "model.safetensors", b"?" * len(FILES["model.safetensors"]))
    ran = getter.get("someuser/tiny-lm", "--accept", "unknown").says(1, "FAILED someuser/tiny-lm: 1 file differs")
    assert "ACCEPTED" not in ran.out
    assert not getter.snapshot(repo="models--someuser--tiny-lm").parent.exists()


def test_strict_accepts_nothing_and_wants_mirrors(getter: Getter) -> None:
    getter.get("openai/tiny", "--accept", "observed", "--strict").says(2, "accepts nothing")
    getter.get(NAME, "--strict").says(6, "no independent mirror")
    assert getter.downloads() == []


# the lock


def locked(getter: Getter, *words: str) -> None:
    (getter.someone.here / ".git").mkdir(exist_ok=True)
    getter.someone.types("lock", *words, env=getter.env).says(0)
    getter.hub.asked.clear()


def test_the_lock_says_which_commit_and_locked_takes_nothing_else(getter: Getter) -> None:
    locked(getter, f"{NAME}@{ONE}")
    getter.get(NAME).says(0, f"revision: {ONE}")
    assert getter.there(ONE) == FILES and not getter.snapshot(TWO).exists()
    getter.get("datasets/acme-lab/corpus", "--locked").says(1, "--locked takes nothing else")
    getter.get(NAME, "--locked").says(0, "VERIFIED")


def test_without_a_repo_everything_in_the_lock_comes(getter: Getter) -> None:
    getter.get().says(2, "there is no modelseal.lock")
    locked(getter, NAME, "datasets/acme-lab/corpus")
    locked(getter, "openai/tiny", "--accept", "observed")
    ran = getter.get().says(9, "OBSERVED", "VERIFIED", "1 observed, 2 verified")
    assert getter.there() == NEWER and getter.there(ONE, "datasets--acme-lab--corpus") == FILES
    assert not getter.snapshot(SEEN, "models--openai--tiny").exists()
    (getter.someone.home / "rules.toml").write_text(
        '[[allow]]\nrepos = ["hf://openai/*"]\nverdicts = ["observed"]\nobservers = 1\n'
    )
    found = getter.get("--json").says(0).json
    assert [one["verdict"] for one in found["snapshots"]].count("verified") == 2
    assert cached(getter, "openai/tiny", SEEN) == FILES
    ran = getter.get("-q").says(0)
    assert len(ran.out.splitlines()) == 3 and str(getter.snapshot()) in ran.out
    for words in (("--dry-run",), ("--include", "*.json"), ("--exclude", "*.bin"), ("--local-dir", "./x")):
        getter.get(*words).says(2, "are for one REPO", "everything in the lock is downloaded")
    assert not (getter.someone.here / "x").exists()
    shutil.rmtree(getter.cache)
    getter.hub.close()
    ran = getter.get().says(6, "UNAVAILABLE", "3 repos in the lock: 3 unavailable")
    ran.says(6, f"next:     see all about the worst: modelseal get acme-lab/atlas-7b@{TWO}")
    assert CACHED not in ran.err


def test_what_is_locked_without_a_seal_must_be_those_bytes(getter: Getter) -> None:
    locked(getter, "someuser/tiny-lm", "--accept", "unknown")
    commit = getter.hub.repos[TINY].refs["main"]
    getter.hub.commit(TINY, NEWER)
    getter.get("someuser/tiny-lm").says(5, "UNKNOWN")
    getter.get("someuser/tiny-lm", "--accept", "unknown").says(0, "ACCEPTED")
    assert cached(getter, "someuser/tiny-lm", commit) == FILES
    getter.hub.rewrite(TINY, commit, {"config.json": b"[]"})
    getter.get("someuser/tiny-lm", "--accept", "unknown").says(1, "FAILED")
    assert REPO not in getter.downloads()
