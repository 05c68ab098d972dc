"""The decision, step by step: what is proven, what proves nothing, and what two signed notes prove."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelseal.decide import Freshness
from modelseal.formats import strict
from modelseal.formats.evidence import Evidence
from modelseal.formats.manifest import fileset
from modelseal.formats.records import Release
from modelseal.verdict import Word
from tests.support import make
from tests.support.make import NOW
from tests.support.world import MAX_AGE, OPS, World

ANA, BOB, CI, EVE = make.key("ana"), make.key("bob"), make.key("ci", "ed25519"), make.key("eve")
NS, REPO = "hf://acme-lab", "hf://acme-lab/atlas-7b"
GOOD = (make.file("config.json", b"{}"), make.file("model.safetensors"))


@pytest.fixture
def world() -> World:
    world = World()
    world.claim(NS, [ANA], [(CI, "hf://acme-lab/*")])
    world.publish(REPO, 1, CI, GOOD)
    return world


def test_the_newest_release_is_verified(world: World) -> None:
    verdict = world.verify(REPO, GOOD)
    assert verdict.word == Word.VERIFIED
    assert verdict.says == ", sealed by Acme Lab (acme.example) (owner not checked)"
    assert verdict.qualifier == "(registry's word only)"
    assert (verdict.equal, verdict.total, verdict.digest) == (2, 2, "sha256")


def test_absence_is_unknown_and_says_whether_the_owner_seals(world: World) -> None:
    ours = world.ask("hf://acme-lab/other")
    assert ours.word == Word.UNKNOWN
    assert "Acme Lab (acme.example) has not sealed it, and nobody has observed it (proof of absence" in ours.says
    assert "nobody has sealed or observed it (proof of absence" in world.ask("hf://someuser/tiny-lm").says


def test_another_spelling_gets_the_same_verdict_and_a_note(world: World) -> None:
    verdict = world.verify("hf://ACME-lab/Atlas-7B", GOOD)
    assert verdict.word == Word.VERIFIED
    assert verdict.decision.repo == REPO
    assert any("is spelled acme-lab/atlas-7b" in note for note in verdict.decision.notes)


def test_an_older_release_is_verified_and_said(world: World) -> None:
    world.publish(REPO, 2, CI, (make.file("model.safetensors", b"newer weights"),))
    verdict = world.verify(REPO, GOOD)
    assert verdict.word == Word.VERIFIED
    assert verdict.release is not None and verdict.release.release.revision == make.revision(1)
    assert verdict.notes == (f"an older release; the newest is {make.revision(2)}",)


def test_a_named_commit_is_only_that_release(world: World) -> None:
    world.publish(REPO, 2, CI, (make.file("model.safetensors", b"newer weights"),))
    verdict = world.verify(REPO, GOOD, make.revision(2))
    assert verdict.word == Word.FAILED
    assert f"these are the files of {make.revision(1)}, not of {make.revision(2)}" in verdict.says
    assert world.verify(REPO, GOOD, make.revision(1)).word == Word.VERIFIED


def test_an_unsealed_commit_passes_only_with_the_newest_files(world: World) -> None:
    verdict = world.verify(REPO, GOOD, make.revision(9))
    assert verdict.word == Word.VERIFIED
    assert f"{make.revision(9)} itself is not sealed" in verdict.notes[0]
    world.publish(REPO, 2, CI, (make.file("model.safetensors", b"newer weights"),))
    assert world.verify(REPO, GOOD, make.revision(9)).word == Word.FAILED


def test_a_revoked_release_fails_and_earlier_seals_do_not_return(world: World) -> None:
    first = world.publish(REPO, 2, CI, (make.file("a.bin", b"x"),)).record
    assert isinstance(first, Release)
    world.revoke(REPO, first.seal, [ANA])
    assert world.ask(REPO, make.revision(2)).qualifier == "REVOKED (malicious)"
    assert world.ask(REPO, make.revision(2)).word == Word.FAILED
    assert world.verify(REPO, GOOD).word == Word.VERIFIED  # the older one stands
    verdict = world.verify(REPO, (make.file("a.bin", b"x"),))
    assert (verdict.word, verdict.qualifier) == (Word.FAILED, "REVOKED (malicious)")


def test_superseded_voids_nothing(world: World) -> None:
    release = world.publish(REPO, 2, CI, (make.file("a.bin", b"x"),)).record
    assert isinstance(release, Release)
    world.revoke(REPO, release.seal, [ANA], "superseded")
    assert world.verify(REPO, (make.file("a.bin", b"x"),)).word == Word.VERIFIED


def test_contents_revoked_everywhere_fail_wherever_they_are_sealed_again(world: World) -> None:
    world.revoke_everywhere(NS, fileset(GOOD), [ANA])
    world.publish(REPO, 2, CI, GOOD)
    world.publish("hf://acme-lab/again", 1, CI, GOOD)
    assert world.ask(REPO).qualifier == "REVOKED (malicious)"
    assert world.ask("hf://acme-lab/again").qualifier == "REVOKED (malicious)"


def test_a_signer_may_revoke_its_own_release_but_not_its_contents(world: World) -> None:
    release = world.publish(REPO, 2, CI, (make.file("a.bin", b"x"),)).record
    assert isinstance(release, Release)
    world.revoke_everywhere(NS, release.fileset, [CI])
    assert world.ask(REPO).word is None
    world.revoke(REPO, release.seal, [CI])
    assert world.ask(REPO, make.revision(2)).word == Word.FAILED


INADMISSIBLE: dict[str, tuple[Callable[[World], object], str]] = {
    "a release by a key without scope": (lambda w: w.publish(REPO, 7, EVE), "no scope covers it"),
    "a release in a namespace nobody approved": (
        lambda w: w.publish("hf://openai/gpt-oss-20b", 7, EVE),
        "not an approved namespace",
    ),
    "a second seal at one commit": (lambda w: w.publish(REPO, 1, CI, (make.file("b"),)), "is sealed already"),
    "a release of another log": (lambda w: w.publish(REPO, 7, CI, origin="other.example"), "this log is"),
    "a revocation by a stranger": (lambda w: w.revoke(REPO, b"\0" * 32, [EVE]), "does not count here"),
    "a revocation by nobody": (lambda w: w.revoke(REPO, b"\0" * 32, []), "signed by 0 of 1 controllers"),
    "an identity without the operators": (
        lambda w: w.claim("hf://openai", [EVE], [(EVE, "hf://openai/*")], operators=(EVE,)),
        "does not count here",
    ),
    "a key change out of turn": (
        lambda w: w.log(make.keys(NS, make.key_set([ANA], []), seq=3, prev=_chain(w)), [ANA]),
        "the next is 2",
    ),
}


def _chain(world: World) -> str:
    state = world.ask(REPO).state
    owner = state.namespace(NS) if state else None
    assert owner is not None
    return owner.prev.hex()


@pytest.mark.parametrize("case", INADMISSIBLE)
def test_an_inadmissible_leaf_has_no_effect_and_is_reported(world: World, case: str) -> None:
    act, why = INADMISSIBLE[case]
    before = world.verify(REPO, GOOD)
    act(world)
    after = world.verify(REPO, GOOD)
    assert (after.word, after.release) == (before.word, before.release)
    notes = [*after.decision.notes, *world.ask("hf://openai/gpt-oss-20b").notes]
    assert any("has no effect" in note and why in note for note in notes)
    assert world.ask("hf://openai/gpt-oss-20b").word == Word.UNKNOWN


DAY = 86_400


def _act(world: World, type_: str, turn: int, **fields: Any) -> None:
    world.log(make.text(type_, turn=turn, namespace=NS, **fields), [OPS])


def test_a_change_of_keys_that_waits_changes_nothing_but_a_note(world: World) -> None:
    claim = world.claim("hf://two", [ANA, BOB], [(CI, "hf://two/*")])
    world.log(make.keys("hf://two", make.key_set([ANA], []), seq=2, prev=claim), [ANA])
    world.publish("hf://two/model", 1, CI, GOOD)  # its signers are still the old ones
    verdict = world.verify("hf://two/model", GOOD)
    assert verdict.word == Word.VERIFIED
    assert any("its keys are to change on 2026-12-08" in note for note in verdict.decision.notes)
    world.now += 14 * DAY
    world.publish("hf://two/model", 2, CI, (make.file("b"),))
    verdict = world.verify("hf://two/model", GOOD)
    assert verdict.word == Word.VERIFIED  # sealed while its signer was entitled
    assert not any("its keys are to change" in note for note in verdict.decision.notes)
    assert any("no scope covers it" in note for note in verdict.decision.notes)


def test_a_suspended_namespace_is_failed_until_it_is_over(world: World) -> None:
    _act(world, "suspend", 2, reason="compromised")
    decision = world.ask(REPO)
    assert (decision.word, decision.qualifier) == (Word.FAILED, "SUSPENDED (compromised)")
    assert "suspended on 2026-11-24" in decision.says
    assert world.ask("hf://acme-lab/other").word == Word.UNKNOWN
    world.now += 14 * DAY
    assert world.verify(REPO, GOOD).word == Word.VERIFIED


def test_what_is_revoked_is_revoked_also_while_suspended(world: World) -> None:
    world.revoke_everywhere(NS, fileset(GOOD), [ANA])
    _act(world, "suspend", 2, reason="compromised")
    assert world.ask(REPO, make.revision(1)).qualifier == "REVOKED (malicious)"


def test_a_lift_ends_a_suspension(world: World) -> None:
    _act(world, "suspend", 2, reason="compromised")
    _act(world, "lift", 3)
    assert world.verify(REPO, GOOD).word == Word.VERIFIED


def test_releases_of_a_retired_namespace_stay_and_it_is_said(world: World) -> None:
    _act(world, "retire", 2, reason="withdrawn")
    world.publish(REPO, 2, CI, (make.file("b"),))
    verdict = world.verify(REPO, GOOD)
    assert verdict.word == Word.VERIFIED
    assert any("retired on 2026-11-24" in note for note in verdict.decision.notes)


def test_a_recovery_that_waits_is_said(world: World) -> None:
    _act(world, "recover", 2, key_set=make.key_set([EVE], []))
    assert any("to give it new keys on 2026-12-08" in note for note in world.verify(REPO, GOOD).decision.notes)


def test_whom_it_resembles_is_said(world: World) -> None:
    world.claim("hf://acme-1ab", [EVE], [(EVE, "hf://acme-1ab/*")], resembles=["hf://acme-lab"])
    world.publish("hf://acme-1ab/atlas-7b", 1, EVE, GOOD)
    verdict = world.verify("hf://acme-1ab/atlas-7b", GOOD)
    assert verdict.word == Word.VERIFIED  # as itself, and nobody else
    assert any("its name resembles acme-lab, and it is not the same" in note for note in verdict.decision.notes)


def test_a_revoked_signer_voids_all_it_sealed_and_is_remembered(world: World) -> None:
    before = world.evidence(REPO)
    world.log(make.revocation(NS, "key-compromise", signer=CI.key.value()), [ANA])
    assert world.ask(REPO).qualifier == "REVOKED (key-compromise)"
    assert world.revoked.signers == {(NS, CI.key.sha256)}
    world.head = None  # a lying registry and a client that lost its head, but not what it saw revoked
    assert world.ask(REPO, evidence=before).qualifier == "REVOKED (seen before)"


def test_a_replaced_seal_is_void_and_the_new_one_stands(world: World) -> None:
    other = (make.file("b"),)
    bundle = make.seal(CI, REPO, make.revision(1), other)
    old = world.ask(REPO).chosen
    assert old is not None
    world.log(make.release(bundle, CI, replaces=old.release.seal.hex()), [CI, ANA])
    assert world.verify(REPO, other, make.revision(1)).word == Word.VERIFIED
    assert world.verify(REPO, other).word == Word.VERIFIED
    assert world.verify(REPO, GOOD, make.revision(1)).word == Word.FAILED
    assert world.verify(REPO, GOOD).qualifier == "REVOKED (replaced)"


def test_what_an_owner_names_instead_is_said_only_if_it_can_be_used(world: World) -> None:
    second = world.publish(REPO, 2, CI, (make.file("b"),)).record
    first = world.ask(REPO, make.revision(1)).chosen
    assert first is not None and isinstance(second, Release)
    seal = first.release.seal.hex()
    world.log(make.revocation(NS, repo=REPO, seal=seal, replacement=make.revision(2)), [ANA])
    assert f"names {make.revision(2)} in its place" in world.ask(REPO, make.revision(1)).says
    world.revoke(REPO, second.seal, [ANA])
    assert "in its place" not in world.ask(REPO, make.revision(1)).says


def test_contents_revoked_everywhere_fail_also_under_a_name_that_has_no_release(world: World) -> None:
    world.revoke_everywhere(NS, fileset(GOOD), [ANA])
    verdict = world.verify("hf://acme-lab/other", GOOD)
    assert (verdict.word, verdict.qualifier) == (Word.FAILED, "REVOKED (malicious)")
    assert world.verify("hf://acme-lab/other", (make.file("a"),)).word == Word.UNKNOWN


# what proves nothing


def test_answers_that_prove_nothing_never_accuse_the_log(world: World) -> None:
    good = Evidence.parse(world.evidence(REPO))
    seen = world.ask(REPO)
    assert seen.head is not None
    for name, changed in _lies(world, good).items():
        decision = world.ask(REPO, evidence=changed)
        assert (name, decision.word) == (name, Word.UNAVAILABLE)
        assert decision.head is None


def _lies(world: World, good: Evidence) -> dict[str, bytes]:
    other = World(name="other.example")
    other.claim(NS, [ANA], [(CI, "hf://acme-lab/*")])
    value = strict.parse(good.encode(), "evidence", limit=1 << 30)

    def changed(**fields: object) -> bytes:
        return strict.encode({**value, **fields}).encode()

    without = [leaf for leaf in value["leaves"] if leaf["index"] != value["leaves"][-1]["index"]]
    return {
        "evidence about another repo": world.evidence("hf://acme-lab/other"),
        "another origin": other.evidence(REPO),
        "a leaf left out": changed(leaves=without),
        "no leaves": changed(leaves=[]),
        "a look-up left out": changed(lookups={k: v for k, v in value["lookups"].items() if k != "operators"}),
        "leaves in another order": changed(leaves=value["leaves"][::-1]),
        "a proof of another leaf": changed(
            leaves=[*value["leaves"][:-1], {**value["leaves"][-1], "proof": value["leaves"][0]["proof"]}]
        ),
        "another last leaf": changed(last={"leaf": value["leaves"][0]["leaf"], "proof": value["last"]["proof"]}),
        "an empty bucket": changed(
            lookups={**value["lookups"], "ns:hf://acme-lab": {**value["lookups"]["ns:hf://acme-lab"], "bucket": ""}}
        ),
        "an unsigned checkpoint": changed(checkpoint=value["checkpoint"].split("\n\n")[0] + "\n\n— x AAAAAAA=\n"),
        "nothing": b"",
        "no object": b"[]",
    }


@pytest.mark.parametrize("size", [0, 1])
def test_a_checkpoint_before_the_first_is_refused(world: World, size: int) -> None:
    from modelseal_registry.store import Head

    value = strict.parse(world.evidence(REPO), "evidence", limit=1 << 30)
    value["checkpoint"] = world.signer.sign(Head(size, b"\0" * 32), world.now)
    decision = world.ask(REPO, evidence=strict.encode(value).encode())
    assert decision.word == Word.UNAVAILABLE
    assert "the first has 2" in decision.says


def test_every_byte_change_of_evidence_is_refused_or_means_the_same(world: World) -> None:
    evidence = world.evidence(REPO)
    honest = world.verify(REPO, GOOD)
    head = world.head
    for at in range(0, len(evidence), 7):
        for bit in (1, 0x20):
            world.head = head
            changed = evidence[:at] + bytes([evidence[at] ^ bit]) + evidence[at + 1 :]
            verdict = world.verify(REPO, GOOD, evidence=changed)
            if verdict.word == Word.VERIFIED:  # only the seal may be damaged: the release leaf binds the same files
                assert verdict.release == honest.release
            else:
                assert verdict.word == Word.UNAVAILABLE, (at, verdict.says)


def test_every_truncation_of_evidence_is_refused(world: World) -> None:
    evidence = world.evidence(REPO)
    for length in range(0, len(evidence), 11):
        assert world.ask(REPO, evidence=evidence[:length]).word == Word.UNAVAILABLE


# time


def test_an_answer_older_than_max_age_is_unavailable(world: World) -> None:
    evidence = world.evidence(REPO)
    world.now += MAX_AGE
    assert world.ask(REPO, evidence=evidence).word is None
    world.now += 1
    decision = world.ask(REPO, evidence=evidence)
    assert decision.word == Word.UNAVAILABLE
    assert "the newest checkpoint is 24 hours old" in decision.says


def test_an_answer_from_the_future_is_unavailable(world: World) -> None:
    evidence = world.evidence(REPO)
    world.now -= 61
    decision = world.ask(REPO, evidence=evidence)
    assert decision.word == Word.UNAVAILABLE
    assert "ahead of the clock here" in decision.says
    world.now += 1
    assert world.ask(REPO, evidence=evidence).word is None


def test_as_of_replaces_the_clock_and_nothing_else(world: World) -> None:
    evidence = world.evidence(REPO)
    world.now += 30 * 24 * 3600
    own_time = Freshness(None, MAX_AGE, as_of=True, from_file=True)
    decision = world.ask(REPO, evidence=evidence, fresh=own_time)
    assert (decision.word, decision.as_of, decision.head) == (None, True, None)
    assert world.ask(REPO, evidence=evidence, fresh=Freshness(NOW, MAX_AGE, as_of=True, from_file=True)).word is None


def test_a_leaf_of_the_future_is_refused() -> None:
    world = World()
    world.now += 61
    world.claim(NS, [ANA], [(CI, "hf://acme-lab/*")])
    world.now -= 61
    decision = world.ask(REPO)
    assert decision.word == Word.UNAVAILABLE
    assert "later than the checkpoint" in decision.says


# memory


def test_a_longer_log_that_continues_is_accepted(world: World) -> None:
    first = world.ask(REPO).head
    for number in range(2, 40):
        world.publish(REPO, number, CI)
        assert world.ask(REPO).word is None
    assert first and world.head and world.head.size > first.size


def test_a_shorter_log_is_stale(world: World) -> None:
    old = world.evidence(REPO)
    world.publish(REPO, 2, CI)
    world.ask(REPO)
    decision = world.ask(REPO, evidence=old)
    assert decision.word == Word.UNAVAILABLE
    assert "were seen before" in decision.says


def test_a_registry_that_rolls_back_and_cosigns_again_misbehaves(world: World) -> None:
    world.publish(REPO, 2, CI)
    world.ask(REPO)
    back = world.fork(keep=3)
    back.now += 60
    decision = back.ask(REPO)
    assert decision.word == Word.LOG_MISBEHAVED
    assert "went back from" in decision.says
    assert decision.older != decision.newer and decision.older and decision.newer


@pytest.mark.parametrize("more", [0, 1, 5])
def test_a_fork_misbehaves_at_every_later_size(world: World, more: int) -> None:
    world.publish(REPO, 2, CI)
    world.ask(REPO)
    fork = world.fork(keep=3)
    fork.publish(REPO, 3, CI)
    for number in range(more):
        fork.publish(REPO, 10 + number, CI)
    decision = fork.ask(REPO)
    assert decision.word == Word.LOG_MISBEHAVED
    assert decision.older is not None and str(world.size) in decision.older


def test_tiles_that_prove_nothing_accuse_nobody(world: World) -> None:
    from modelseal.decide import decide
    from modelseal.formats.names import Asked

    world.ask(REPO)
    world.publish(REPO, 2, CI)
    for tiles in ({}, {f"tile/0/000.p/{world.size}": b"\0" * 32 * world.size}):
        decision = decide(
            world.evidence(REPO),
            tiles,
            world.trust,
            world.head,
            world.revoked,
            Asked(REPO, None),
            Freshness(NOW, MAX_AGE),
        )
        assert decision.word == Word.UNAVAILABLE


def test_a_revocation_once_seen_wins_over_old_evidence(world: World) -> None:
    release = world.publish(REPO, 2, CI, (make.file("a.bin", b"x"),)).record
    assert isinstance(release, Release)
    old = world.evidence(REPO, make.revision(2))
    world.revoke(REPO, release.seal, [ANA])
    assert world.ask(REPO, make.revision(2)).word == Word.FAILED
    from_file = Freshness(NOW, MAX_AGE, from_file=True)
    decision = world.ask(REPO, make.revision(2), evidence=old, fresh=from_file)
    assert (decision.word, decision.qualifier) == (Word.FAILED, "REVOKED (seen before)")
    assert "not compared with the remembered head" in decision.notes


def test_without_its_seal_a_release_is_compared_by_fileset(world: World) -> None:
    world.seals.clear()
    verdict = world.verify(REPO, GOOD)
    assert verdict.word == Word.VERIFIED
    assert "the seal could not be fetched" in verdict.notes[0]
    assert verdict.decision.ask_again == make.revision(1)
    assert world.verify(REPO, (*GOOD, make.file("loader.py"))).word == Word.FAILED


def test_a_swapped_seal_is_not_believed(world: World) -> None:
    path = next(iter(world.seals))
    world.seals[path] = make.seal(CI, REPO, make.revision(1), (make.file("evil.bin"),))
    verdict = world.verify(REPO, (make.file("evil.bin"),))
    assert verdict.word == Word.FAILED


def test_operators_below_their_threshold_admit_nobody() -> None:
    second = make.key("second operator")
    world = World([OPS, second], threshold=2)
    world.claim(NS, [ANA], [(CI, "hf://acme-lab/*")], operators=[OPS])
    world.publish(REPO, 1, CI)
    assert world.ask(REPO).word == Word.UNKNOWN
    assert any("signed by 1 of 2 operators" in note for note in world.ask(REPO).notes)
    world.claim(NS, [ANA], [(CI, "hf://acme-lab/*")], operators=[OPS, second], resembles=["hf://acme"])
    world.publish(REPO, 2, CI)
    assert world.ask(REPO).word is None
