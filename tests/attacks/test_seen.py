"""What was only observed: fresh fakes, a stolen observer's key, a lying Hub, and answers that leave something out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelseal.decide import Freshness
from modelseal.formats import envelope, index
from modelseal.formats.evidence import Evidence, Lookup
from modelseal.formats.leaves import Submission
from modelseal.formats.records import parse_record
from modelseal.verdict import Verdict, Word
from modelseal_registry.registry import Registry
from tests.support import make, scene
from tests.support.client import sealed_files
from tests.support.make import NOW, ORIGIN
from tests.support.registry import House
from tests.support.scene import BAD, GOOD, Scene
from tests.support.world import MAX_AGE, OPS, WATCHER, WEEK, World

THIEF, SECOND = WATCHER, make.key("watcher 2")
REPO, ONE, TWO = "hf://openai/gpt-oss-20b", make.revision(1), make.revision(2)
GOOD_FILES, BAD_FILES = sealed_files(GOOD), sealed_files(BAD)
NAME = REPO.removeprefix("hf://")


def observed(*observers: make.Private) -> World:
    """Commit one was seen with the good files a week ago, by all of them."""
    w = World(observers=observers or (WATCHER,))
    for by in observers or (WATCHER,):
        w.observe(REPO, 1, by, GOOD_FILES)
    w.now += WEEK
    return w


def word(verdict: Verdict) -> str:
    return f"{verdict.word.text} {verdict.qualifier}".strip()


# a fresh fake


def test_a_fresh_fake_does_not_become_respectable_overnight() -> None:
    """Whoever looks at it, and however often: what counts is a week after it was first seen."""
    w = World(observers=[WATCHER, SECOND, OPS])
    for hour in range(8 * 24):
        for by in (WATCHER, SECOND, OPS) if hour % 24 == 0 else ():
            w.observe(REPO, 1, by, BAD_FILES, basis="downloaded")
        found = w.verify(REPO, BAD_FILES, ONE)
        assert (found.word == Word.OBSERVED) == (hour >= 7 * 24), hour
        if hour < 7 * 24:
            assert found.word == Word.UNKNOWN and found.says.startswith(": first seen "), found.says
        w.now += 3600


def test_a_new_commit_of_an_observed_repo_is_as_fresh_as_any() -> None:
    w = observed()
    w.observe(REPO, 2, WATCHER, BAD_FILES)
    assert w.verify(REPO, BAD_FILES, TWO).word == Word.UNKNOWN
    assert w.verify(REPO, BAD_FILES).says.startswith(f": these are the files of {TWO}, first seen 0 seconds ago")
    assert w.verify(REPO, GOOD_FILES).word == Word.OBSERVED


def test_a_clock_that_jumps_makes_nothing_older() -> None:
    """Log time is proven: neither the consumer's clock nor one that the user names lets an observation count."""
    w = World(observers=[WATCHER])
    w.observe(REPO, 1, WATCHER, BAD_FILES)
    evidence = w.evidence(REPO)
    week = w.now + WEEK
    for fresh in (Freshness(week, MAX_AGE), Freshness(week, MAX_AGE, as_of=True), Freshness(week, 2 * WEEK)):
        assert w.ask(REPO, evidence=evidence, fresh=fresh).word in (Word.UNAVAILABLE, Word.UNKNOWN)
    assert w.ask(REPO, evidence=evidence, fresh=Freshness(None, MAX_AGE)).word == Word.UNKNOWN


def test_a_registry_whose_clock_runs_ahead_is_not_believed() -> None:
    w = World(observers=[WATCHER])
    w.observe(REPO, 1, WATCHER, BAD_FILES)
    w.now += WEEK  # it signs its checkpoint with a time to come
    ahead = w.evidence(REPO)
    found = w.ask(REPO, evidence=ahead, fresh=Freshness(NOW, MAX_AGE))
    assert found.word == Word.UNAVAILABLE and "ahead of the clock here" in found.says


# a stolen observer's key


def test_a_stolen_observers_key_does_nothing_but_observe() -> None:
    w = observed(THIEF)
    claim = make.claim("hf://openai", [THIEF], [(THIEF, "hf://openai/*")])
    signed: dict[str, str] = {
        "withdrawal": make.withdrawal(REPO, ONE),
        "identity": make.identity(claim, [THIEF]),
        "operators": make.operators([THIEF], seq=2, prev=make.digest(w.entries[0][0])),
        "watchlist": make.text("watchlist", seq=1, prev=None, add=["hf://openai"], remove=[]),
        "observation": make.observation(REPO, TWO, SECOND),
    }
    for type_, record in signed.items():
        at = w.log(record, [THIEF])
        if type_ not in ("watchlist",):
            notes = [note for note in w.ask(REPO).notes if note.startswith(f"leaf {at} ({type_}) has no effect")]
            assert notes, type_
    assert word(w.verify(REPO, GOOD_FILES, ONE)) == "OBSERVED, NOT SIGNED"


def test_a_thief_contradicts_after_a_week_and_is_undone_by_dropping_the_key() -> None:
    """It never makes other bytes pass at an observed commit, and whatever it said is gone with its role."""
    w = observed(SECOND, THIEF)
    w.observe(REPO, 1, THIEF, BAD_FILES)
    w.observe("hf://evil/fake", 1, THIEF, BAD_FILES)
    found = w.verify(REPO, GOOD_FILES, ONE)
    assert found.word == Word.OBSERVED and "says other files of this commit" in found.decision.notes[0]
    assert w.verify(REPO, BAD_FILES, ONE).word == Word.FAILED
    w.now += WEEK
    for files in (GOOD_FILES, BAD_FILES):
        found = w.verify(REPO, files, ONE)
        assert found.word == Word.UNKNOWN and "observers disagree" in found.says
    assert w.verify("hf://evil/fake", BAD_FILES).word == Word.OBSERVED
    w.observers(SECOND)
    assert w.verify(REPO, GOOD_FILES, ONE).word == Word.OBSERVED
    assert w.verify(REPO, BAD_FILES, ONE).word == Word.FAILED
    assert w.verify("hf://evil/fake", BAD_FILES).word == Word.UNKNOWN
    at = w.observe("hf://evil/fake", 2, THIEF, BAD_FILES)
    w.now += WEEK
    assert w.verify("hf://evil/fake", BAD_FILES, TWO).word == Word.UNKNOWN
    assert f"leaf {at} (observation) has no effect" in w.ask("hf://evil/fake").notes[0]


def test_who_is_an_observer_again_counts_with_what_was_admitted_and_nothing_else() -> None:
    w = observed(SECOND, THIEF)
    w.observers(SECOND)
    w.observe(REPO, 2, THIEF, BAD_FILES)
    w.observers(SECOND, THIEF)
    w.now += WEEK
    found = w.ask(REPO, ONE).observed
    assert found is not None and found.observers == 2
    assert w.verify(REPO, BAD_FILES, TWO).word == Word.UNKNOWN


def test_a_second_observer_of_an_hour_ago_makes_nobody_believe_in_two() -> None:
    w = observed(SECOND)
    w.observers(SECOND, THIEF)
    w.observe(REPO, 1, THIEF, GOOD_FILES, basis="downloaded")
    found = w.ask(REPO).observed
    assert found is not None and (found.observers, found.downloaded, found.last) == (1, False, w.now)
    w.now += WEEK
    found = w.ask(REPO).observed
    assert found is not None and (found.observers, found.downloaded) == (2, True)


# replays


def test_nothing_that_was_observed_can_be_sent_again(tmp_path: Path) -> None:
    """Neither in another log, nor later in this one, nor under a changed text."""
    house = House(tmp_path, observers=[WATCHER])
    first = make.submission(make.observation(REPO, ONE, WATCHER, GOOD_FILES), [WATCHER])
    at = house.logged(first)
    house.now += WEEK
    other = make.observation(REPO, TWO, WATCHER, BAD_FILES)
    house.logged(make.submission(other, [WATCHER]))
    assert house.logged(first) == at, "the same text is the same leaf, with the date it had"
    elsewhere = make.observation(REPO, ONE, WATCHER, GOOD_FILES, origin="other.example")
    status, answer = house.post(make.submission(elsewhere, [WATCHER]))
    assert status == 400 and "the record is for other.example" in answer["error"]
    text = make.observation(REPO, make.revision(3), WATCHER, GOOD_FILES)
    signatures = make.entries(envelope.RECORD, other, [WATCHER])
    status, answer = house.post(Submission(text, parse_record(text), signatures, None).encode())
    assert status == 400 and "does not verify" in answer["error"]
    again = make.observation(REPO, ONE, WATCHER, GOOD_FILES, basis="downloaded")
    status, answer = house.post(make.submission(again, [WATCHER]))
    assert status == 409 and f"by this observer is leaf {at}" in answer["error"]
    prev = make.digest(make.observation(REPO, ONE, WATCHER, GOOD_FILES))
    house.logged(make.submission(make.observation(REPO, ONE, WATCHER, GOOD_FILES, prev=prev), [WATCHER]))
    house.check()


def test_two_runs_at_once_are_one_leaf_and_lose_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, observers=[WATCHER])
    same = make.submission(make.observation(REPO, ONE, WATCHER), [WATCHER])
    waiting = Registry(house.store, ORIGIN, house.public, clock=lambda: house.now, wait_s=0)
    assert [waiting.submit(same)[0] for _ in range(2)] == [202, 202]
    other = make.submission(make.observation(REPO, ONE, WATCHER, BAD_FILES), [WATCHER])
    assert waiting.submit(other)[0] == 202
    before = house.head().size
    house.run()
    assert house.head().size == before + 2, "one of the two, and the roots"
    assert waiting.submit(same)[0] == 200
    assert waiting.submit(other)[0] == 409


# names


def test_twins_in_other_case_are_one_repo() -> None:
    w = observed()
    w.observe("hf://OpenAI/GPT-oss-20B", 1, WATCHER, BAD_FILES)
    for repo in (REPO, "hf://OpenAI/GPT-oss-20B"):
        assert w.verify(repo, GOOD_FILES, ONE).word == Word.OBSERVED
        assert w.verify(repo, BAD_FILES, ONE).word == Word.FAILED
    w.withdraw("hf://OPENAI/gpt-OSS-20b", 1)
    assert word(w.verify(REPO, GOOD_FILES, ONE)) == "FAILED WITHDRAWN (malicious)"
    assert w.verify("hf://datasets/openai/gpt-oss-20b", GOOD_FILES, ONE).word == Word.UNKNOWN
    assert w.verify("hf://openai/gpt-oss-20b-2", GOOD_FILES, ONE).word == Word.UNKNOWN


# a lying Hub


def test_a_hub_that_lies_to_one_side_is_noticed_by_the_other() -> None:
    """To the observer, or to the consumer: a commit never changes its files."""
    w = World(observers=[WATCHER, SECOND])
    w.observe(REPO, 1, WATCHER, BAD_FILES)
    w.observe(REPO, 2, WATCHER, GOOD_FILES)
    w.observe(REPO, 2, SECOND, BAD_FILES)
    w.now += WEEK
    assert w.verify(REPO, GOOD_FILES, ONE).word == Word.FAILED
    assert w.verify(REPO, GOOD_FILES, TWO).word == Word.UNKNOWN
    assert w.verify(REPO, BAD_FILES, TWO).word == Word.UNKNOWN


def test_one_name_more_one_byte_less_or_a_link_is_never_observed() -> None:
    w = observed()
    good = GOOD_FILES
    added = (*good, make.file("loader.py", b"import os"))
    renamed = (replace(good[0], name="Config.json"), *good[1:])
    for files in (added, good[:1], renamed, BAD_FILES, ()):
        found = w.verify(REPO, files, ONE)
        assert found.word == Word.FAILED and not found, files
        assert w.verify(REPO, files).word == Word.FAILED


def test_what_the_owner_sealed_is_judged_by_the_seal_alone() -> None:
    """Observers cannot speak for an owner who does, nor operators by a withdrawal; nobody gets what was seen before."""
    w = observed()
    ana, ci = make.key("ana"), make.key("ci")
    w.claim("hf://openai", [ana], [(ci, "hf://openai/*")])
    w.publish(REPO, 2, ci, BAD_FILES)
    assert w.verify(REPO, BAD_FILES).word == Word.VERIFIED
    for commit in (None, ONE, TWO):
        assert w.verify(REPO, GOOD_FILES, commit).word == Word.FAILED
    w.withdraw(REPO, 2)
    assert w.verify(REPO, BAD_FILES, TWO).word == Word.VERIFIED
    release = w.ask(REPO).chosen
    assert release is not None
    w.revoke(REPO, release.release.seal, [ana])
    for files in (GOOD_FILES, BAD_FILES):
        assert w.verify(REPO, files).word == Word.FAILED, "revoked is not unsealed"


# withdrawn


def test_withdrawn_contents_do_not_come_back_as_another_commit() -> None:
    w = observed()
    w.observe(REPO, 2, WATCHER, BAD_FILES)
    w.withdraw(REPO, 2)
    for commit in (None, ONE, TWO, make.revision(3)):
        assert word(w.verify(REPO, BAD_FILES, commit)) == "FAILED WITHDRAWN (malicious)", commit
    assert w.verify(REPO, GOOD_FILES, ONE).word == Word.OBSERVED
    w.now += 100 * WEEK
    assert word(w.verify(REPO, BAD_FILES, TWO)) == "FAILED WITHDRAWN (malicious)", "for ever"


# what a server leaves out


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Scene]:
    """Somebody with real commands, and a log in which what both folders hold was seen 8 days ago; one is withdrawn."""
    now = int(time.time())
    w = World(observers=[WATCHER], now=now - WEEK - 86_400)
    w.observe(REPO, 1, WATCHER, GOOD_FILES)
    w.observe(REPO, 2, WATCHER, BAD_FILES)
    w.withdraw(REPO, 2)
    w.now = now
    with scene.scene(tmp_path, w) as found:
        yield found


def asked(number: int) -> tuple[str, ...]:
    return ("verify", "./atlas-7b" if number == 1 else "./bad", "--repo", f"{NAME}@{make.revision(number)}")


def test_real_commands_say_what_was_observed_and_what_was_withdrawn(told: Scene) -> None:
    ran = told.someone.types(*asked(1)).says(9, f"OBSERVED, NOT SIGNED {NAME}: nobody has sealed it", "by 1 observer")
    assert "nobody proves that its owner meant it" in ran.out and "on the Hub's word" in ran.out
    assert "--accept observed" in ran.out and "VERIFIED" not in ran.out
    value = told.someone.types(*asked(1), "--json").json
    assert (value["verdict"], value["exit"], value["use"], value["accepted"]) == ("observed", 9, "no", None)
    assert value["observed"]["observers"] == 1 and not value["observed"]["registry_itself"]
    assert all(step["by"] == "person" and not step["argv"] and "accept" not in step["why"] for step in value["next"])
    assert {one["status"] for one in value["each"]} == {"observed"} and value["complete"]
    told.someone.types(*asked(2)).says(1, f"FAILED WITHDRAWN (malicious) {NAME}")
    told.someone.types("verify", "./bad", "--repo", f"{NAME}@{ONE}").says(1, "WITHDRAWN (malicious)")
    told.someone.types("verify", "./bad", "--repo", NAME).says(1, "WITHDRAWN (malicious)")


LIES: dict[str, Any] = {
    "no look-up of what was seen": lambda good, key: replace(
        good,
        lookups={name: one for name, one in good.lookups.items() if name != key},
        leaves=good.leaves[:1],
    ),
    "an empty list": lambda good, key: replace(
        good, lookups={**good.lookups, key: Lookup("", good.lookups[key].path)}, leaves=good.leaves[:1]
    ),
    "the withdrawal left out": lambda good, key: replace(good, leaves=good.leaves[:-1]),
    "the withdrawal left out of the list too": lambda good, key: replace(
        good,
        lookups={
            **good.lookups, key: replace(good.lookups[key], bucket=good.lookups[key].bucket.rpartition(" ")[0] + "\n"),
        },
        leaves=good.leaves[:-1],
    ),
    "the look-up of a repo that has none": lambda good, key: replace(
        good, lookups={**good.lookups, key: good.lookups["repo:" + REPO]}, leaves=good.leaves[:1]
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_nothing_can_be_left_out_of_what_was_seen(told: Scene, lie: str) -> None:
    """Withheld, an observation or a withdrawal is no answer at all; never UNKNOWN, never OBSERVED."""
    good = Evidence.parse(told.world.evidence(REPO))
    bad = LIES[lie](good, index.observed_key(REPO)).encode()
    told.serve(answers={f"evidence/{NAME}": bad, f"evidence/{NAME}@{TWO}": bad, f"evidence/{NAME}@{ONE}": bad})
    for number in (1, 2):
        told.someone.types(*asked(number)).says(6, "UNAVAILABLE")


def test_a_release_that_nobody_may_log_hides_what_was_seen_and_nothing_gets_better() -> None:
    """The log itself would have to misbehave (mirrors stop then); UNKNOWN is the best that it gains."""
    w = observed()
    w.observe(REPO, 2, WATCHER, BAD_FILES)
    w.withdraw(REPO, 2)
    w.now += WEEK
    w.publish(REPO, 2, make.key("evil"), BAD_FILES)
    for files in (GOOD_FILES, BAD_FILES):
        found = w.verify(REPO, files)
        assert found.word == Word.UNKNOWN and "(release) has no effect" in found.decision.notes[0]


def test_a_head_that_was_seen_keeps_a_withdrawal_from_being_rolled_back() -> None:
    w = observed()
    old = w.evidence(REPO)
    w.withdraw(REPO, 1)
    assert w.verify(REPO, GOOD_FILES, ONE).word == Word.FAILED
    found = w.verify(REPO, GOOD_FILES, ONE, evidence=old)
    assert found.word == Word.UNAVAILABLE and "were seen before" in found.says


def test_show_says_what_was_seen_and_what_is_withdrawn(told: Scene) -> None:
    ran = told.someone.types("show", NAME).says(1, f"OBSERVED, NOT SIGNED {NAME}: nobody has sealed it")
    assert f"seen:     2 files at {ONE} by 1 observer" in ran.out
    assert f"seen:     2 files at {TWO} by 1 observer" in ran.out and ", withdrawn (malicious)" in ran.out
    value = told.someone.types("show", f"{NAME}@{TWO}", "--json").json
    assert (value["verdict"], value["exit"]) == ("failed", 1)
    assert [(one["revision"], one["withdrawn"], one["counts"]) for one in value["seen"]] == [
        (ONE, None, True),
        (TWO, "malicious", True),
    ]


@pytest.mark.parametrize("flip", [0x01, 0x20])
def test_no_byte_of_an_answer_can_be_another(flip: int) -> None:
    """Changed anywhere, it proves nothing or says the same; an observation becomes nothing else."""
    w = observed()
    w.observe(REPO, 2, WATCHER, BAD_FILES)
    w.withdraw(REPO, 2)
    good = w.evidence(REPO)
    honest = {commit: w.ask(REPO, commit, evidence=good) for commit in (ONE, TWO)}
    for at in range(flip % 23, len(good), 23):
        changed = good[:at] + bytes([good[at] ^ flip]) + good[at + 1 :]
        for commit, expected in honest.items():
            found = w.ask(REPO, commit, evidence=changed)
            assert found.word == Word.UNAVAILABLE or (found.word == expected.word and found.seen == expected.seen), at
