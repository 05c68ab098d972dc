"""What a run allows, as a function: the lock narrows, --strict narrows, --accept and every rules file accept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelseal import rules
from modelseal.allowed import Allowance, Contents, files_at_hand, settle
from modelseal.compare import Local, compare
from modelseal.formats.manifest import File, fileset
from modelseal.formats.names import Asked
from modelseal.judged import judge
from modelseal.lockfile import Entry
from modelseal.verdict import Decision, Finding, Publisher, Seen, Verdict, Word
from tests.support import make
from tests.support.make import NOW
from tests.support.world import World

ANA, CI = make.key("ana"), make.key("ci")
REPO, NOBODY = "hf://acme-lab/atlas-7b", "hf://nobody/x"
FIRST = make.revision(1)
FILES = (File("a.bin", 3, b"\x01" * 32), File("b.json", 2, b"\x02" * 32))
OTHER = (FILES[0], File("b.json", 2, b"\x03" * 32))
HERE, THERE = Contents(FILES), Contents(OTHER)
ALLOW = '[[allow]]\nrepos = ["nobody/*"]\nverdicts = ["{0}"]\n{1}'


@pytest.fixture(scope="module")
def world() -> World:
    found = World()
    found.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    found.publish(REPO, 1, CI, FILES)
    return found


def verdict(world: World, repo: str, files: tuple[File, ...] = FILES, revision: str | None = None) -> Verdict:
    local = tuple(Local(one.name, one.size, one.sha256) for one in files)
    return compare(world.ask(repo, revision), local)


@pytest.fixture
def verified(world: World) -> Verdict:
    return verdict(world, REPO)


@pytest.fixture
def unknown(world: World) -> Verdict:
    return verdict(world, NOBODY)


def allow(text: str, where: str = "r") -> rules.Rules:
    return rules.parse(text.encode(), where)


def entry(repo: str, verdict: str, files: tuple[File, ...] = FILES, log: str | None = "registry.example") -> Entry:
    sealed = verdict == "sealed"
    return Entry(
        repo, FIRST, verdict, fileset(files), NOW, log, "Acme" if sealed else None, b"s" * 32 if sealed else None,
        4 if sealed else None, () if sealed else files,
    )  # fmt: skip


def settled(found: Verdict, contents: Contents = HERE, **what: object) -> tuple[str, bool]:
    done = settle(found, Allowance(lock="l", **what), contents, NOW)  # type: ignore[arg-type]
    assert done.exit_code == (0 if done.accepted else done.word.exit_code) and bool(done) == (done.exit_code == 0)
    return done.word.value, bool(done.accepted)


# what is allowed -> word, and whether somebody accepts it


def test_nothing_said_changes_nothing(verified: Verdict, unknown: Verdict) -> None:
    for found in (verified, unknown):
        assert settle(found, Allowance(), HERE, NOW) == found


def test_a_word_accepts_its_own_verdict_and_no_other(verified: Verdict, unknown: Verdict) -> None:
    assert settled(unknown, accept=("unknown",)) == ("unknown", True)
    assert settled(unknown, accept=("observed", "pinned")) == ("unknown", False)
    assert settled(verified, accept=("unknown", "observed", "pinned")) == ("verified", False)
    for word in (Word.FAILED, Word.UNAVAILABLE, Word.LOG_MISBEHAVED):
        bad = replace(unknown, word=word)
        assert settled(bad, accept=("unknown", "observed", "pinned"))[1] is False


def test_an_owner_who_seals_is_not_nobody(world: World) -> None:
    found = verdict(world, "hf://acme-lab/other")
    assert settled(found, accept=("unknown",)) == ("unknown", False)
    assert settled(found, rules=(allow(ALLOW.format("unknown", "").replace("nobody", "acme-lab")),))[1] is False


def seen(unknown: Verdict, observers: int) -> Verdict:
    many = Seen(FIRST, fileset(FILES), 2, 5, observers, True, 1, 2, False, 9, None)
    decision = replace(unknown.decision, word=Word.OBSERVED, observed=many)
    return replace(unknown, word=Word.OBSERVED, decision=decision, observed=many)


def test_observed_wants_as_many_observers_as_the_rule_says(unknown: Verdict) -> None:
    rule = (allow(ALLOW.format("observed", "observers = 2")),)
    assert settled(seen(unknown, 1), rules=rule) == ("observed", False)
    assert settled(seen(unknown, 2), rules=rule) == ("observed", True)
    assert settled(seen(unknown, 1), accept=("observed",)) == ("observed", True)
    owner = Publisher("hf://nobody", "Nobody", None, True)
    named = replace(unknown, decision=replace(unknown.decision, publisher=owner))
    assert settled(named, accept=("unknown",)) == ("unknown", False)
    assert settled(seen(named, 2), rules=rule) == ("observed", True)  # an owner who has not sealed this one yet
    assert settled(unknown, rules=rule) == ("unknown", False)
    assert settled(seen(unknown, 9), rules=(allow(ALLOW.format("unknown", "")),)) == ("observed", False)


def test_every_rules_file_must_allow_it(unknown: Verdict) -> None:
    yes, no = allow(ALLOW.format("unknown", "")), allow("", "n")
    assert settled(unknown, rules=(yes,)) == settled(unknown, rules=(yes, yes)) == ("unknown", True)
    assert settled(unknown, rules=(yes, no)) == settled(unknown, rules=(no, yes)) == ("unknown", False)
    assert settled(unknown, rules=(no,), accept=("unknown",)) == ("unknown", True)  # the word is another's to forbid
    elsewhere = allow(ALLOW.format("unknown", "").replace("nobody/*", "nobody/y"))
    assert settled(unknown, rules=(elsewhere,)) == ("unknown", False)


def exception(word: str, repo: str = REPO, more: str = "", until: str = "2099-01-01") -> rules.Rules:
    text = f'[[exception]]\nrepo = "{repo}"\ncommit = "{FIRST}"\nverdict = "{word}"\nreason = "why"\nuntil = {until}\n'
    return allow(text + more)


def test_an_exception_is_for_its_contents(world: World, verified: Verdict) -> None:
    revoked = replace(verified, word=Word.FAILED)
    assert settled(revoked, rules=(exception("failed"),)) == ("failed", True)
    assert settled(revoked, THERE, rules=(exception("failed"),)) == ("failed", False)
    assert settled(revoked, Contents(FILES[:1], True), rules=(exception("failed"),)) == ("failed", False)
    assert settled(revoked, Contents(None), rules=(exception("failed"),)) == ("failed", False)
    link = Contents(FILES, problems=(Finding("link", "x"),))
    assert settled(revoked, link, rules=(exception("failed"),)) == ("failed", False)
    assert settled(revoked, Contents(FILES, True), rules=(exception("failed"),)) == ("failed", True)  # in a Hub cache
    assert settled(revoked, rules=(exception("failed", "hf://acme-lab/other"),)) == ("failed", False)
    assert settled(revoked, rules=(exception("unavailable"),)) == ("failed", False)
    assert settled(revoked, rules=(exception("failed", until="2020-01-01"),)) == ("failed", False)
    other = f'fileset = "{fileset(OTHER).hex()}"\n'
    assert settled(revoked, rules=(exception("failed", more=other),)) == ("failed", False)
    assert settled(revoked, THERE, rules=(exception("failed", more=other),)) == ("failed", True)


def test_an_exception_is_for_its_commit(world: World) -> None:
    other = replace(verdict(world, REPO, revision=make.revision(2)), word=Word.FAILED)
    assert settled(other, rules=(exception("failed"),)) == ("failed", False)


def test_an_exception_ends_at_the_end_of_its_day(verified: Verdict) -> None:
    revoked, found = replace(verified, word=Word.FAILED), exception("failed", until="2026-11-30")
    end = found.exceptions[0].until
    for now, yes in ((end - 1, True), (end, False)):
        done = settle(revoked, Allowance(rules=(found,)), HERE, now)
        assert bool(done.accepted) is yes and (yes or "ended on 2026-12-01 00:00 UTC" in done.notes[-1])


def test_strict_refuses_what_the_registry_alone_says(verified: Verdict, unknown: Verdict) -> None:
    assert settled(verified, strict=True) == ("unavailable", False)
    assert settled(verified, rules=(allow("strict = true"),)) == ("unavailable", False)
    assert settled(unknown, strict=True, rules=(allow(ALLOW.format("unknown", "")),)) == ("unavailable", False)
    assert settled(replace(verified, word=Word.FAILED), strict=True) == ("failed", False)
    watched = replace(verified, decision=replace(verified.decision, quorum=2))
    assert settled(watched, strict=True) == ("verified", False)


def test_the_lock_wants_its_own_fileset(verified: Verdict, unknown: Verdict) -> None:
    assert settled(verified, entry=entry(REPO, "sealed")) == ("verified", False)
    assert settled(verified, entry=entry(REPO, "sealed", OTHER)) == ("failed", False)
    assert settled(verified, entry=entry(REPO, "unknown")) == ("verified", False)  # sealed since, the same files
    assert settled(verified, entry=entry(REPO, "unknown", OTHER)) == ("failed", False)
    assert settled(unknown, entry=entry(NOBODY, "sealed")) == ("failed", False)  # it was, and no log takes that back


def test_files_without_a_seal_are_compared_with_the_lock_one_by_one(unknown: Verdict) -> None:
    held = entry(NOBODY, "unknown")
    assert settled(unknown, entry=held) == ("unknown", False)
    for more in ({}, {"accept": ("unknown",)}, {"rules": (allow(ALLOW.format("unknown", "")),)}):
        assert settled(unknown, entry=held, **more) == ("unknown", bool(more))
        for bad in (
            THERE,
            Contents(FILES[:1]),
            Contents((*FILES, File("c.py", 1, b"\4" * 32))),
            Contents((File("a.bin", 4, b"\1" * 32), FILES[1])),
            Contents(FILES, problems=(Finding("link", "x"),)),
            Contents(None, problems=(Finding("link", "x"),)),
            Contents(OTHER, True),
        ):
            assert settled(unknown, bad, entry=held, **more) == ("failed", False)
        assert settled(unknown, Contents(FILES[:1], True), entry=held, **more) == ("unknown", bool(more))
        assert settled(unknown, Contents(None), entry=held, **more) == ("unknown", False)  # nobody has seen them


def test_an_entry_that_names_a_log_needs_that_log(verified: Verdict, unknown: Verdict) -> None:
    for found, held in ((verified, entry(REPO, "sealed")), (unknown, entry(NOBODY, "unknown"))):
        other = replace(held, log="other.example")
        assert settled(found, entry=other, accept=("unknown",)) == ("unavailable", False)
        assert settled(replace(found, word=Word.FAILED), entry=other) == ("failed", False)


def test_locked_takes_nothing_that_is_not_listed(verified: Verdict, unknown: Verdict) -> None:
    assert settled(verified, locked=True) == ("failed", False)
    assert settled(unknown, locked=True, accept=("unknown",)) == ("failed", False)
    assert settled(replace(verified, word=Word.FAILED), locked=True, rules=(exception("failed"),)) == ("failed", False)
    assert settled(verified, locked=True, entry=entry(REPO, "sealed")) == ("verified", False)


def test_no_exception_is_accepted_against_the_lock(verified: Verdict) -> None:
    revoked, rule = replace(verified, word=Word.FAILED), (exception("failed"),)
    assert settled(revoked, rules=rule, entry=entry(REPO, "sealed")) == ("failed", True)
    assert settled(revoked, rules=rule, entry=entry(REPO, "sealed", OTHER)) == ("failed", False)
    assert settled(revoked, Contents(FILES, True), rules=rule, entry=entry(REPO, "sealed", OTHER)) == ("failed", False)


def pinned() -> Verdict:
    nobody = Decision(Asked(NOBODY, FIRST), Word.UNAVAILABLE, ": no registry is trusted")
    return Verdict(Word.UNAVAILABLE, nobody.says, "(pinned)", nobody)


def test_pinned_is_for_an_entry_that_was_pinned_where_nobody_is_trusted(unknown: Verdict) -> None:
    held = entry(NOBODY, "pinned", log=None)
    rule = (allow(ALLOW.format("pinned", "")),)
    assert settled(pinned(), entry=held) == ("unavailable", False)
    assert settled(pinned(), entry=held, accept=("pinned",)) == ("unavailable", True)
    assert settled(pinned(), entry=held, rules=rule) == ("unavailable", True)
    assert settled(pinned(), THERE, entry=held, accept=("pinned",)) == ("failed", False)
    assert settled(pinned(), Contents(None), entry=held, accept=("pinned",)) == ("unavailable", False)
    assert settled(pinned(), Contents(FILES[:1], True), entry=held, accept=("pinned",)) == ("unavailable", True)
    assert settled(replace(pinned(), word=Word.FAILED), entry=held, accept=("pinned",)) == ("failed", False)
    assert settled(pinned(), accept=("pinned",)) == ("unavailable", False)
    assert settled(pinned(), entry=entry(NOBODY, "unknown"), accept=("pinned",)) == ("unavailable", False)
    heard = replace(pinned(), decision=replace(pinned().decision, origin="registry.example"))  # merely unreachable
    assert settled(heard, entry=held, accept=("pinned",), rules=rule) == ("unavailable", False)
    assert settled(unknown, entry=held, accept=("pinned",)) == ("unknown", False)


def test_the_files_at_hand_are_those_that_were_all_hashed(unknown: Verdict) -> None:
    local = tuple(Local(one.name, one.size, one.sha256) for one in FILES)
    found = replace(unknown, files=judge(unknown, local, ignored=("model.sig",), skipped=("x",)))
    assert files_at_hand(found) == FILES
    part = (local[0], replace(local[1], sha256=None))
    assert files_at_hand(replace(unknown, files=judge(unknown, part))) is None
    assert files_at_hand(replace(unknown, files=judge(unknown, (Local("CON", 1, b"\1" * 32),)))) is None
    assert files_at_hand(unknown) is None
