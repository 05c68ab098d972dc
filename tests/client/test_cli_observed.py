"""OBSERVED, NOT SIGNED as people meet it: refused until they allow it, by word or rule; and never more than that."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import make
from tests.support.cache import HubCache
from tests.support.client import Ran
from tests.support.hub import Hub
from tests.support.scene import ACME, ANA, BAD, CI, GOOD, NEWER, Scene, files_of, publish, scene
from tests.support.world import WATCHER, WEEK, World

SECOND = make.key("second watcher")
DAY = 86_400
FIRST = make.revision(1)
REPO, NAME = "hf://openai/tiny", "openai/tiny"
VERIFY = ("verify", "./good", "--repo", NAME)
ALLOW = '[[allow]]\nrepos = ["hf://openai/*"]\nverdicts = ["observed"]\nobservers = '


def seen(more: Callable[[World], object] = lambda world: None) -> World:
    """A log in which an observer has seen GOOD under openai/tiny, two weeks ago and eight days ago, and *more*."""
    now = int(time.time())
    world = World(observers=[WATCHER, SECOND], now=now - 2 * WEEK)
    world.observe(REPO, 1, files=files_of(GOOD))
    world.now = now - WEEK - DAY
    world.observe(REPO, 1, files=files_of(GOOD))
    more(world)
    world.now = now
    return world


@contextlib.contextmanager
def told(folder: Path, world: World) -> Iterator[Scene]:
    with scene(folder, world) as found:
        shutil.copytree(found.someone.here / "atlas-7b", found.someone.here / "good")
        yield found


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Scene]:
    with told(tmp_path, seen()) as found:
        yield found


def types(here: Scene, *words: str | Path, **env: str) -> Ran:
    here.serve()
    return here.someone.types(*words, env=env)


def rules(here: Scene, text: str) -> None:
    path = here.someone.home / "rules.toml"
    path.write_text(text)
    path.chmod(0o644)


def test_it_is_refused_and_says_what_it_is(here: Scene) -> None:
    ran = types(here, *VERIFY).says(9, f"OBSERVED, NOT SIGNED {NAME}", "1 observer", "on the Hub's word")
    assert "VERIFIED" not in ran.out and "SEALED" not in ran.out
    day = time.strftime("%Y-%m-%d", time.gmtime(here.world.now - 2 * WEEK))
    last = time.strftime("%Y-%m-%d", time.gmtime(here.world.now - WEEK - DAY))
    assert day in ran.out and last in ran.out, "first and last date"
    value = types(here, *VERIFY, "--json").says(9).json
    assert (value["verdict"], value["use"], value["accepted"]) == ("observed", "no", None)
    assert all("--accept" not in step["argv"] for step in value["next"]), "no override is offered to a program"


def test_a_word_or_a_rule_allows_it_and_the_first_word_says_so(here: Scene) -> None:
    ran = types(here, *VERIFY, "--accept", "observed").says(0, "ACCEPTED OBSERVED, NOT SIGNED")
    assert ran.out.startswith("ACCEPTED ") and "VERIFIED" not in ran.out
    types(here, *VERIFY, "--accept", "unknown").says(9, "OBSERVED, NOT SIGNED")
    types(here, *VERIFY, "--strict").says(6, "UNAVAILABLE")  # no mirror vouches for the log
    rules(here, ALLOW + "1\n")
    types(here, *VERIFY).says(0, "ACCEPTED OBSERVED, NOT SIGNED", "rules.toml")


@pytest.mark.parametrize("days", [6, 8])
def test_a_rule_that_wants_two_observers_gets_two_whose_word_counts(tmp_path: Path, days: int) -> None:
    def second(world: World) -> None:
        world.now += (8 - days) * DAY
        world.observe(REPO, 1, SECOND, files_of(GOOD))

    with told(tmp_path, seen(second)) as here:
        rules(here, ALLOW + "2\n")
        if days > 7:
            types(here, *VERIFY).says(0, "ACCEPTED OBSERVED, NOT SIGNED", "2 observers")
        else:
            types(here, *VERIFY).says(9, "OBSERVED, NOT SIGNED", "1 observer")


@pytest.mark.parametrize("accept", [(), ("--accept", "observed"), ("--accept", "observed,unknown,pinned")])
def test_other_bytes_are_failed_whatever_is_allowed(here: Scene, accept: tuple[str, ...]) -> None:
    rules(here, ALLOW + "1\n")
    named = ("verify", "./bad", "--repo", f"{NAME}@{FIRST}")
    types(here, *named, *accept).says(1, "FAILED")
    (here.someone.here / "good/loader.py").write_text("import os")
    types(here, "verify", "./good", "--repo", f"{NAME}@{FIRST}", *accept).says(1, "FAILED")


def test_what_was_seen_this_week_is_unknown_and_not_accepted_as_observed(tmp_path: Path) -> None:
    def fresh(world: World) -> None:
        world.now = int(time.time()) - 3 * 3600
        world.observe("hf://openai/fresh", 1, files=files_of(GOOD))

    with told(tmp_path, seen(fresh)) as here:
        words = ("verify", "./good", "--repo", "openai/fresh")
        types(here, *words).says(5, "UNKNOWN openai/fresh", "first seen 3 hours ago")
        types(here, *words, "--accept", "observed").says(5)


def test_once_withdrawn_nothing_allows_it(here: Scene) -> None:
    types(here, *VERIFY, "--accept", "observed").says(0)
    here.world.withdraw(REPO, 1)
    here.world.observe(REPO, 1, SECOND, files_of(GOOD))
    rules(here, ALLOW + "1\n")
    for words in (VERIFY, ("verify", "./good", "--repo", f"{NAME}@{FIRST}")):
        types(here, *words, "--accept", "observed,unknown").says(1, "FAILED", "WITHDRAWN (malicious)")


def test_an_observer_who_is_none_any_more_never_was_one(here: Scene) -> None:
    here.world.observers(SECOND)
    types(here, *VERIFY, "--accept", "observed").says(5, "UNKNOWN")


def test_observers_who_disagree_make_it_unknown(tmp_path: Path) -> None:
    with told(tmp_path, seen(lambda world: world.observe(REPO, 1, SECOND, files_of(BAD)))) as here:
        for folder in ("./good", "./bad"):
            ran = types(here, "verify", folder, "--repo", f"{NAME}@{FIRST}", "--accept", "observed")
            ran.says(5, "UNKNOWN", "disagree")


def test_the_owners_first_seal_ends_it(here: Scene) -> None:
    here.world.claim("hf://openai", [ANA], [(CI, "hf://openai/*")])
    types(here, *VERIFY).says(9, "has not sealed")
    publish(here.world, 2, NEWER, REPO)
    types(here, *VERIFY, "--accept", "observed").says(1, "FAILED")
    types(here, "verify", "./good", "--repo", f"{NAME}@{FIRST}", "--accept", "observed").says(1, "FAILED")


def test_a_part_of_it_cannot_be_told(here: Scene) -> None:
    (here.someone.here / "good/config.json").unlink()
    ran = types(here, *VERIFY, "--partial", "--accept", "observed")
    assert ran.code in (1, 6) and "ACCEPTED" not in ran.out, ran


def test_it_is_told_of_the_hub_cache_too(here: Scene, tmp_path: Path) -> None:
    cache = HubCache(tmp_path / "hub")
    cache.snapshot("models--openai--tiny", FIRST, GOOD)
    at = ("--cache-dir", str(tmp_path / "hub"))
    types(here, "verify", f"{NAME}@{FIRST}", *at).says(9, "OBSERVED, NOT SIGNED")
    types(here, "verify", f"{NAME}@{FIRST}", *at, "--accept", "observed").says(0, "ACCEPTED OBSERVED")
    ran = types(here, "scan", *at)
    assert ran.code == 0 and "OBSERVED" in ran.out, "scan ends well: nothing of it is bad"
    types(here, "scan", *at, "--fail-on", "observed", "--json").says(9)
    cache.snapshot("models--openai--tiny", FIRST, BAD)
    types(here, "scan", *at).says(1, "FAILED")


def test_the_lock_takes_what_was_observed_and_holds_it(here: Scene) -> None:
    with Hub() as hub:
        hub.commit("models/openai/tiny", GOOD, id=FIRST)
        env = {"HF_ENDPOINT": hub.url}
        (here.someone.here / ".git").mkdir(exist_ok=True)
        types(here, "lock", NAME, **env).says(9, "OBSERVED, NOT SIGNED")
        assert not (here.someone.here / "modelseal.lock").exists()
        types(here, "lock", NAME, "--accept", "observed", **env).says(0)
    text = (here.someone.here / "modelseal.lock").read_text()
    assert 'verdict = "observed"' in text and FIRST in text
    types(here, *VERIFY).says(9, "OBSERVED, NOT SIGNED")  # a lock accepts nothing
    types(here, *VERIFY, "--locked", "--accept", "observed").says(0, "ACCEPTED")
    types(here, "verify", "./bad", "--repo", NAME, "--locked", "--accept", "observed").says(1, "FAILED")
    here.world.withdraw(REPO, 1)
    types(here, *VERIFY, "--locked", "--accept", "observed").says(1, "WITHDRAWN")


def test_a_claimed_name_says_whose_it_would_be(tmp_path: Path) -> None:
    def claimed(world: World) -> None:
        world.claim(ACME, [ANA], [(CI, f"{ACME}/*")])
        world.observe(f"{ACME}/side", 1, files=files_of(GOOD))

    with told(tmp_path, seen(claimed)) as here:
        types(here, "verify", "./good", "--repo", "acme-lab/side").says(9, "Acme Lab", "has not sealed")
