"""What a client must not believe: a table of lies, each told by a real server to the real command.

`NOTHING` proves nothing: UNAVAILABLE and exit status 6, whatever it looks like, and never UNKNOWN, FAILED or LOG
MISBEHAVED. After each lie an honest answer is believed: nothing of it was kept. More lies of servers, of time and of
memory are in test_addresses.py; those of the trust root in test_tuf.py; of every single byte in test_mutation.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from modelseal import gather
from modelseal.formats import paths, strict
from modelseal.formats.envelope import Bundle
from modelseal.formats.manifest import Statement
from modelseal.formats.note import COSIGNATURE
from modelseal.formats.policy import Policy
from tests.support import make, scene
from tests.support.client import Answer, Someone, endless, status
from tests.support.forge import changed, flipped, last_leaf, listing, lookup, resigned
from tests.support.scene import (
    ACME,
    ANA,
    BAD,
    CI,
    EVIDENCE,
    EVIL,
    NAME,
    NEWER,
    REPO,
    VERIFY,
    Scene,
    acme,
    files_of,
    publish,
)
from tests.support.trust import Repository
from tests.support.witness import Witness
from tests.support.world import MAX_AGE, World

Answers = Mapping[str, Answer]
Lie = Callable[[Scene], Answers]
ONE, TWO = make.revision(1), make.revision(2)


@pytest.fixture
def lied_to(tmp_path: Path) -> Iterator[Scene]:
    """Somebody who has verified GOOD once, before ci sealed NEWER and another repo: the next answer is a new head."""
    with scene.scene(tmp_path) as found:
        found.someone.types(*VERIFY).says(0)
        publish(found.world, 2, NEWER)
        publish(found.world, 1, BAD, f"{ACME}/other")
        yield found


def evidence(change: Callable[[Any], Any], repo: str = REPO) -> Lie:
    return lambda s: {EVIDENCE: changed(s.world.evidence(repo), change)}


def _other_last_leaf(value: Any) -> None:
    leaves = [value["last"]["leaf"].encode()]
    last_leaf(records=b"\1" * 32)(leaves)
    value["last"]["leaf"] = leaves[0].decode()


def _other_bucket(value: Any) -> None:
    """The bucket of the namespace, with its true path, where that of the repo belongs: an honest proof of absence."""
    repo, owner = lookup(value, "repo:"), lookup(value, "ns:")
    repo["bucket"], repo["path"] = owner["bucket"], owner["path"]


def _absent(s: Scene) -> Answers:
    """All of an honest proof that another repo is not sealed, under this repo's name."""
    value = strict.loads(s.world.evidence(f"{ACME}/never").decode(), "evidence")
    value["repo"] = REPO
    value["lookups"] = {key.replace("never", "atlas-7b"): found for key, found in value["lookups"].items()}
    return {EVIDENCE: strict.encode(value).encode()}


def _without_release(value: Any) -> None:
    value["leaves"] = [one for one in value["leaves"] if '\\"type\\":\\"release\\"' not in one["leaf"]]
    lookup(value, "repo:")["bucket"] = ""
    value["seal"] = None


def _of_another_repo(s: Scene) -> Answers:
    """The other repo's release, honestly proven, in the list of this one."""
    theirs = strict.loads(s.world.evidence(f"{ACME}/other").decode(), "evidence")["leaves"][-1]
    return evidence(lambda value: value["leaves"].append(theirs))(s)


def _bent(prefix: str, at: int = 40) -> Lie:
    def answers(s: Scene) -> Answers:
        found = {path: data for path, data in s.world.files().items() if path.startswith(prefix)}
        assert found
        return {path: flipped(data, min(at, len(data) - 1)) for path, data in found.items() if data}

    return answers


def _lists(*numbers: int) -> Lie:
    return lambda s: listing(s.world, f"repo:{REPO}", numbers)


def _cut(prefix: str) -> Lie:
    return lambda s: {path: data[:-1] for path, data in s.world.files().items() if path.startswith(prefix) and data}


def _everything(prefix: str, answer: Answer) -> Lie:
    """All files whose path begins so."""
    return lambda s: dict.fromkeys((path for path in s.world.files() if path.startswith(prefix)), answer)


def _hangs_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def _everywhere(answer: Answer) -> Lie:
    """Whatever is asked, evidence too."""
    return lambda s: dict.fromkeys((*s.world.files(), EVIDENCE), answer)


def _key_of_another_log(s: Scene) -> Answers:
    """A log of the same name by a stranger's key, in which EVIL owns acme-lab."""
    other = World(now=s.world.now)
    other.signer = type(other.signer)(
        other.signer.origin, make.ed25519("evil log"), other.signer.cosigner, make.ed25519("evil own")
    )
    other.claim(ACME, [EVIL], [(EVIL, f"{ACME}/*")])
    other.publish(REPO, 1, EVIL, files_of(BAD))
    return {EVIDENCE: other.evidence(REPO)}


def _relabelled(s: Scene) -> Answers:
    """An honest checkpoint of another origin under this log's name: then nothing fits its signatures."""
    other = acme(world=World(name="other.example", now=s.world.now))
    found = other.evidence(REPO).replace(b"other.example\\n", b"registry.example\\n", 1)
    return {EVIDENCE: found}


def _unsigned(who: str) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        text, lines = value["checkpoint"].split("\n\n")
        kept = [line for line in lines.splitlines() if f"— {who} " not in line]
        value["checkpoint"] = "\n".join((text, "", *kept, ""))

    return change


NOTHING: dict[str, tuple[Lie, str]] = {
    # the checkpoint
    "a checkpoint by another log key": (_key_of_another_log, "is not signed by the log key of registry.example"),
    "a checkpoint of another origin under this name": (_relabelled, "the answer proves nothing"),
    "a checkpoint without the log's line": (evidence(_unsigned("registry.example")), "is not signed by the log key"),
    "a checkpoint without a time": (evidence(_unsigned("registry.example/own")), "the checkpoint has no time"),
    # the index
    "a wrong index root": (evidence(lambda v: v["last"].update(leaf=v["leaves"][0]["leaf"])), "not this log's roots"),
    "a wrong index root that is not in the log": (
        evidence(_other_last_leaf),
        "leaf 9 is not proven in the tree",
    ),
    "a wrong index root that the log signed": (
        lambda s: resigned(s.world, REPO, last_leaf(records=b"\1" * 32)),
        "does not belong to the signed index",
    ),
    "an index that covers less than the log": (
        lambda s: resigned(s.world, REPO, last_leaf(covers=2)),
        "the index covers 7 leaves, not 9",
    ),
    "a roots leaf of later": (lambda s: resigned(s.world, REPO, last_leaf(later=120)), "later than the checkpoint"),
    "a bucket without its line": (
        evidence(lambda v: lookup(v, "repo:").update(bucket="")),
        "the bucket of repo:hf://acme-lab/atlas-7b does not belong to the signed index",
    ),
    "a bucket with one leaf less": (
        evidence(lambda v: lookup(v, "repo:").update(bucket=lookup(v, "repo:")["bucket"].replace(" 6\n", "\n"))),
        "does not belong to the signed index",
    ),
    "a bucket with one leaf more": (
        evidence(lambda v: lookup(v, "repo:").update(bucket=lookup(v, "repo:")["bucket"].replace(" 6\n", " 6 8\n"))),
        "does not belong to the signed index",
    ),
    "another key's bucket": (evidence(_other_bucket), "does not belong to the signed index"),
    "a path of another bucket": (
        evidence(lambda v: lookup(v, "repo:").update(path=lookup(v, "ns:")["path"])),
        "does not belong to the signed index",
    ),
    "a look-up left out": (evidence(lambda v: v["lookups"].pop("ns:hf://acme-lab")), "look-ups are not those"),
    "an index that lists the leaf after the last": (_lists(10), "leaf 10 is not in a log of 10 leaves"),
    "an index that lists a leaf far behind the last": (_lists(2**50), f"leaf {2**50} is not in a log of 10 leaves"),
    "an index that lists a leaf of something else": (_lists(2), "the answer proves nothing"),
    "an index that lists nothing": (_lists(), "the answer proves nothing"),
    "an index that lists no operators": (lambda s: listing(s.world, "operators", (1,)), "the answer proves nothing"),
    "a bent bucket or tile of the index": (_bent("index/"), "do not fit together"),
    "a cut bucket or tile of the index": (_cut("index/"), "do not fit together"),
    # the leaves
    "a forged leaf": (
        evidence(lambda v: v["leaves"][-1].update(leaf=v["leaves"][-1]["leaf"].replace('"time":1', '"time":2'))),
        "is not proven in the tree",
    ),
    "a leaf in another's place": (
        evidence(lambda v: v["leaves"][-1].update(leaf=v["leaves"][-2]["leaf"])),
        "is not proven in the tree",
    ),
    "a leaf left out": (evidence(lambda v: v["leaves"].pop()), "not the ones that the index lists"),
    "a leaf twice": (evidence(lambda v: v["leaves"].append(v["leaves"][-1])), "the leaves do not ascend"),
    "another repo's leaf": (_of_another_repo, "not the ones that the index lists"),
    "another first leaf": (evidence(lambda v: v["leaves"].pop(0)), "does not begin with the leaf that the trust root"),
    "a bent bundle of leaves": (_bent("tile/entries/"), "do not fit together"),
    "a cut bundle of leaves": (_cut("tile/entries/"), "do not fit together"),
    # tiles
    "a bent tile": (_bent("tile/0/"), "they do not give the signed root of 10 leaves"),
    "a cut tile": (_cut("tile/0/"), "expected"),
    # without end
    "an endless checkpoint": (_everything("checkpoint", endless), "checkpoint: more than 65536 bytes"),
    "an endless tile": (_everything("tile/0/", endless), "more than 8192 bytes"),
    "an endless bundle of leaves": (_everything("tile/entries/", endless), "tile/entries/000.p/10: more than"),
    "an endless bucket": (_everything("index/", endless), "more than 16777216 bytes"),
    # absence without proof
    "no evidence and no files": (_everywhere(status(404)), "not found"),
    "the proof of absence of another repo": (_absent, "the answer proves nothing"),
    "the release and its line left out": (evidence(_without_release), "the answer proves nothing"),
    # denied
    "denied": (_everywhere(status(403)), "status 403"),
    "denied for legal reasons": (_everywhere(status(451)), "status 451"),
    "too busy": (_everywhere(status(429)), "status 429"),
    "hangs up": (_everywhere(_hangs_up), "broken answer"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOTHING)
def test_a_lie_proves_nothing_and_leaves_nothing(case: str, lied_to: Scene) -> None:
    lie, words = NOTHING[case]
    lied_to.serve(answers=lie(lied_to))
    before = memory(lied_to.someone)
    command = lied_to.someone.types if list(NOTHING).index(case) % 5 else lied_to.someone.run  # some as processes
    ran = command(*VERIFY).says(6, f"UNAVAILABLE {NAME}", words)
    assert not any(word in ran.out for word in ("UNKNOWN", "FAILED", "MISBEHAVED", "VERIFIED")), ran.out
    shown = lied_to.someone.types("show", NAME).says(6, words)
    assert "sealed by" not in shown.out
    assert memory(lied_to.someone) == before
    lied_to.serve()
    lied_to.someone.types(*VERIFY).says(0, f"VERIFIED (registry's word only) {NAME}")


def memory(someone: Someone) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (someone.home / "memory").glob("*.json")}


def test_absence_is_unknown_only_with_its_proof(lied_to: Scene) -> None:
    lied_to.serve()
    ran = lied_to.someone.types("verify", "./atlas-7b", "--repo", "acme-lab/never")
    unknown = "UNKNOWN acme-lab/never: Acme Lab (acme.example) has not sealed it, and nobody has observed it"
    ran.says(5, f"{unknown} (proof of absence in a log of 10")


# seals


def test_the_swapped_seal_of_another_release_is_not_believed(lied_to: Scene) -> None:
    """In its evidence and at its path: the release leaf, which the same key signed, says what the files are."""
    someone, world = lied_to.someone, lied_to.world
    first, second = (path for path, seal in world.seals.items() if sealed_by(seal).repo == REPO)
    world.seals[first], world.seals[second] = world.seals[second], world.seals[first]
    lied_to.serve()
    someone.folder("newer", NEWER)
    says = f"FAILED {NAME}: these are the files of"
    someone.types("verify", "./newer", "--repo", NAME).says(0, "VERIFIED (registry's word only)", "not be fetched")
    someone.types("verify", "./newer", "--repo", f"{NAME}@{ONE}").says(1, f"{says} {TWO}")
    someone.types("verify", "./atlas-7b", "--repo", f"{NAME}@{TWO}").says(1, f"{says} {ONE}")
    someone.types("verify", "./bad", "--repo", NAME).says(1, f"FAILED {NAME}")


def sealed_by(seal: str) -> Statement:
    return Statement.parse(Bundle.parse(seal).payload)


def test_an_endless_seal_is_no_seal(lied_to: Scene) -> None:
    lied_to.serve(answers=_everything("seal/", endless)(lied_to))
    lied_to.someone.folder("newer", NEWER)
    lied_to.someone.types("verify", "./newer", "--repo", NAME).says(0, "VERIFIED", "the seal could not be fetched")
    lied_to.someone.types("verify", "./bad", "--repo", NAME).says(1, "FAILED")


def test_a_second_seal_of_the_same_signer_for_the_same_commit_is_not_believed(lied_to: Scene) -> None:
    world = lied_to.world
    for path, seal in list(world.seals.items()):
        world.seals[path] = make.seal(CI, REPO, sealed_by(seal).revision, files_of(BAD))
    lied_to.serve()
    lied_to.bad_is_never_verified()
    lied_to.someone.types(*VERIFY).says(0, "VERIFIED", "an older release; the newest is")


# replay


def test_evidence_from_before_a_release_or_a_revocation_is_not_taken_again(lied_to: Scene) -> None:
    """Not over the network, not with another's files around it; a fresh client cannot know better."""
    someone, world = lied_to.someone, lied_to.world
    old = world.files()
    record = world.ask(REPO, ONE).chosen
    assert record is not None
    world.revoke_everywhere(ACME, record.release.fileset, [ANA])
    lied_to.serve()
    someone.types(*VERIFY).says(1, f"FAILED REVOKED (malicious) {NAME}")
    replayed: tuple[Answers, ...] = (old, {EVIDENCE: gathered(old)})
    for answers in replayed:
        lied_to.serve(answers=answers)
        someone.types(*VERIFY).says(6, "UNAVAILABLE", "the answer has 10 leaves, 12 were seen before")
    for repo in (NAME, f"{NAME}@{ONE}", "ACME-LAB/Atlas-7b", "acme-lab/other"):
        (someone.here / "old.evidence").write_bytes(gathered(old, f"hf://{repo.split('@')[0].lower()}"))
        ran = someone.types("verify", "./atlas-7b", "--repo", repo, "--evidence", "old.evidence", "--offline")
        ran.says(1, f"FAILED REVOKED (seen before) {repo.split('@')[0].lower()}")


def gathered(files: Mapping[str, bytes], repo: str = REPO) -> bytes:
    return gather.gather(lambda path, limit: files[path], repo, None)


# mirrors that vouch, and some that lie

M1, M2, M3, M4 = (Witness.named(f"mirror-{name}") for name in "abcd")


def watched(witnesses: Sequence[Witness], k: int) -> World:
    world = acme()
    world.watched(witnesses, k)
    return world


@pytest.fixture
def two_of_three(tmp_path: Path) -> Iterator[Scene]:
    """A registry whose checkpoints count if 2 of 3 mirrors signed them."""
    with scene.scene(tmp_path, watched([M1, M2, M3], 2)) as found:
        yield found


def test_two_of_three_mirrors_are_a_quorum_and_said(two_of_three: Scene) -> None:
    two_of_three.world.cosigners = (M3, M1)
    two_of_three.serve()
    two_of_three.someone.types(*VERIFY).says(0, f"VERIFIED {NAME}, sealed by", "checked by 2 mirrors")


NO_QUORUM: dict[str, tuple[Callable[[str, int], str], str]] = {
    "nobody but the registry's own cosigner": (lambda note, now: note, "checked by 0 of 2 mirrors"),
    "the registry's own cosigner and one mirror": (lambda note, now: M1.cosign(note, now), "checked by 1 of 2 mirrors"),
    "one mirror twice": (lambda note, now: M1.cosign(M1.cosign(note, now), now - 5), "checked by 1 of 2 mirrors"),
    "one mirror and strangers": (
        lambda note, now: Witness.named("other").cosign(M4.cosign(M1.cosign(note, now), now), now),
        "checked by 1 of 2 mirrors",
    ),
    "one mirror and another key under a second's name": (
        lambda note, now: Witness(M2.name, M4.secret).cosign(M1.cosign(note, now), now),
        "checked by 1 of 2 mirrors",
    ),
    "two mirrors, and the line of a third that does not verify": (
        lambda note, now: M2.cosign(M1.cosign(spoiled(M3.cosign(note, now)), now), now),
        "the signature of mirror-c.example does not verify",
    ),
    "two mirrors a day and a minute ago": (
        lambda note, now: M2.cosign(M1.cosign(note, now - MAX_AGE - 60), now - MAX_AGE - 60),
        "the newest checkpoint is 24 hours old",
    ),
    "one mirror now and one long ago": (
        lambda note, now: M2.cosign(M1.cosign(note, now), now - 2 * MAX_AGE),
        "the newest checkpoint is 2 days old",
    ),
    "two mirrors in the future": (
        lambda note, now: M2.cosign(M1.cosign(note, now + 3600), now + 3600),
        "ahead of the clock here",
    ),
}


def spoiled(note: str) -> str:
    """The last line's signature, another one."""
    head, _, last = note.rstrip("\n").rpartition(" ")
    return f"{head} {last[:-8]}AAAAAAA=\n" if not last.endswith("AAAAAAA=") else note


@pytest.mark.parametrize("case", NO_QUORUM)
def test_what_is_no_quorum_is_no_answer(case: str, two_of_three: Scene) -> None:
    sign, words = NO_QUORUM[case]
    world = two_of_three.world
    world.cosigners = ()
    note = world.files()[paths.CHECKPOINT].decode()
    two_of_three.serve(answers={paths.CHECKPOINT: sign(note, world.now).encode()})
    ran = two_of_three.someone.types(*VERIFY).says(6, f"UNAVAILABLE {NAME}", words)
    assert "VERIFIED" not in ran.out
    assert all(b'"head":null' in kept for kept in memory(two_of_three.someone).values())


NO_POLICY: dict[str, tuple[Callable[[Policy], Policy], str]] = {
    "one mirror's key under two names": (
        lambda p: replace(p, witnesses=(M1.key, Witness("second.example", M1.secret).key), quorum=2),
        "two names have one key",
    ),
    "the registry's own cosigner as a mirror": (
        lambda p: replace(p, witnesses=(M1.key, p.own), quorum=2),
        "two names have one key",
    ),
    "half of the mirrors": (lambda p: replace(p, witnesses=(M1.key, M2.key), quorum=1), "1 of 2 is not more than half"),
    "the log's key as a mirror": (
        lambda p: replace(p, witnesses=(M1.key, replace(p.log, kind=COSIGNATURE)), quorum=2),
        "two names have one key",
    ),
}


@pytest.mark.parametrize("case", NO_POLICY)
def test_a_policy_in_which_somebody_counts_twice_is_not_trusted(case: str, tmp_path: Path, lied_to: Scene) -> None:
    change, words = NO_POLICY[case]
    says = replace(lied_to.world.trust, url=lied_to.address.url, addresses=(lied_to.address.url,))
    repository = Repository(tmp_path / "other", says)
    repository.publish(replace(says, policy=change(says.policy)))  # no registry's command would
    files = repository.everything()
    lied_to.address.serve(files)
    someone = lied_to.someone
    someone.home = tmp_path / "new home"
    fingerprint = hashlib.sha256(files["trust/1.root.json"]).hexdigest()
    someone.types("trust", "add", f"{lied_to.address.url}#sha256:{fingerprint}", "--yes").says(1, words)
    assert not [path for path in someone.home.rglob("*") if path.is_file()]


def test_of_three_mirrors_one_that_lies_changes_nothing(two_of_three: Scene) -> None:
    """It dates ahead or back, or stays away, or signs another log: the others' word stands."""
    world = two_of_three.world
    world.cosigners = (M1, M2)
    note = world.files()[paths.CHECKPOINT].decode()
    for ahead in (3600, -2 * MAX_AGE):
        note = M3.cosign(note, world.now + ahead)
        two_of_three.serve(answers={paths.CHECKPOINT: note.encode()})
        two_of_three.someone.types(*VERIFY).says(0, f"VERIFIED {NAME}", "checked by 2 mirrors")
    fork = world.fork(keep=2)
    fork.publish(REPO, 1, CI, files_of(BAD))
    fork.signer = replace(fork.signer, log_key=make.ed25519("of the mirror"))
    fork.cosigners = (M3, M3, M3)
    two_of_three.serve(fork)
    two_of_three.someone.types("verify", "./bad", "--repo", NAME).says(6, "is not signed by the log key")


def test_of_two_of_three_the_registry_alone_convinces_nobody_of_a_fork(tmp_path: Path, two_of_three: Scene) -> None:
    """Each honest mirror signs the first log that it sees, so no two logs get two of three."""
    honest = two_of_three.world
    honest.cosigners = (M1, M2)
    two_of_three.serve()
    two_of_three.someone.types(*VERIFY).says(0)
    fork = honest.fork(keep=2)
    fork.publish(REPO, 1, CI, files_of(BAD))
    fork.cosigners = (M3,)
    two_of_three.serve(fork)
    fresh = Someone(tmp_path / "fresh", honest, two_of_three.address)
    fresh.folder("bad", BAD)
    fresh.types("verify", "./bad", "--repo", NAME).says(6, "checked by 1 of 2 mirrors")
    two_of_three.serve(fork)
    two_of_three.someone.types(*VERIFY).says(8, f"LOG MISBEHAVED {NAME}", "signed two different logs of 6 leaves")


def test_two_of_three_do_not_stand_the_registry_and_a_mirror_but_memory_does(
    tmp_path: Path, two_of_three: Scene
) -> None:
    """f = 2k - n - 1 = 0. Whoever saw the other log has both signed notes in hand."""
    honest = two_of_three.world
    honest.cosigners = (M1, M2)
    two_of_three.serve()
    two_of_three.someone.types(*VERIFY).says(0)
    fork = honest.fork(keep=2)
    fork.publish(REPO, 1, CI, files_of(BAD))
    fork.cosigners = (M2, M3)  # M2 signs both
    fresh = Someone(tmp_path / "fresh", honest, two_of_three.address)
    fresh.folder("bad", BAD)
    two_of_three.serve(fork)
    fresh.types("verify", "./bad", "--repo", NAME).says(0, f"VERIFIED {NAME}")
    ran = two_of_three.someone.types(*VERIFY).says(8, f"LOG MISBEHAVED {NAME}")
    assert ran.out.count("— registry.example ") == 2 == ran.out.count(f"— {M2.name} ")


def test_three_of_four_stand_the_registry_and_a_mirror(tmp_path: Path) -> None:
    with scene.scene(tmp_path, watched([M1, M2, M3, M4], 3)) as found:
        honest = found.world
        honest.cosigners = (M1, M2, M4)
        found.serve()
        found.someone.types(*VERIFY).says(0, "checked by 3 mirrors")
        fork = honest.fork(keep=2)
        fork.publish(REPO, 1, CI, files_of(BAD))
        fork.cosigners = (M3, M4)  # M4 signs both
        fresh = Someone(tmp_path / "fresh", honest, found.address)
        fresh.folder("bad", BAD)
        found.serve(fork)
        fresh.types("verify", "./bad", "--repo", NAME).says(6, "checked by 2 of 3 mirrors")
