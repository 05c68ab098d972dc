"""Stolen keys of owners, and what they get out of them: real commands, two people, a real registry.

What needs two weeks to pass begins two weeks ago, in a log made by hand.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from modelseal.formats import tiles
from modelseal.formats.leaves import Submission
from modelseal.keys import load
from modelseal.state import Namespace
from modelseal.state.owners import DELAY
from modelseal.times import utc
from tests.support import make
from tests.support.client import Address, Ran, Someone, status
from tests.support.make import Private
from tests.support.person import COMMIT, MODEL, Person
from tests.support.servers import RegistryProcess, running
from tests.support.world import OPS, World

ANA, BEN, CI, EVE = (make.key(name) for name in ("ana", "ben", "ci", "eve"))
DAY = 86_400
BAD = {**MODEL, "loader.py": b"steal()"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    with running(tmp_path_factory.mktemp("owners") / "reg") as found:
        yield found


def admit(registry: RegistryProcess, text: str, claimed_by: Sequence[Private], turn: int = 1) -> None:
    """Do what operators do with a claim, on their word."""
    key = load(str(registry.folder / "keys/operator-for-trying-out.key"), None)
    operator = Private(key.private, key.public)
    identity = make.identity(text, claimed_by, turn=turn, origin=registry.origin)
    status, answer = registry.post(make.submission(identity, [operator]))
    assert status == 200, answer


def adopt(registry: RegistryProcess, name: str, controllers: Sequence[Private], threshold: int = 1) -> str:
    """Have *name* admitted: *controllers* own it, ci seals all of it. Return the claim's digest."""
    signers = [(CI, f"hf://{name}/*")]
    text = make.claim(f"hf://{name}", controllers, signers, threshold=threshold, origin=registry.origin)
    admit(registry, text, controllers)
    return make.digest(text)


@pytest.fixture
def ana(tmp_path: Path, registry: RegistryProcess) -> Person:
    return someone(tmp_path / "ana", registry, "ana", "ci", public=("ben", "eve"))


@pytest.fixture
def ben(tmp_path: Path, registry: RegistryProcess) -> Person:
    return someone(tmp_path / "ben", registry, "ben", public=("ana", "eve", "ci"))


@pytest.fixture
def thief(tmp_path: Path, registry: RegistryProcess) -> Person:
    """Has stolen ana's key."""
    return someone(tmp_path / "thief", registry, "ana", "eve", public=("ben", "ci"))


def someone(folder: Path, registry: RegistryProcess, *mine: str, public: Sequence[str] = ()) -> Person:
    person = Person(folder, registry)
    for name in mine:
        person.key(name)
    for name in public:
        (person.here / f"{name}.pub").write_text(make.key(name).public.pem)
    return person


def hand(giver: Person, taker: Person, *names: str) -> None:
    """What goes from one person to the other: files, never keys."""
    for name in names:
        shutil.copy(giver.here / name, taker.here / name)


def claim(person: Person, name: str, controllers: list[str], signers: list[str], *by: str, threshold: int = 1) -> Ran:
    """Edit ns.toml and claim, signing with the keys *by*."""
    person.ns_toml(name, controllers, signers, threshold)
    return person.types("claim", "ns.toml", *(word for key in by for word in ("--key", f"{key}.key")))


def publish(person: Person, name: str, *more: str, key: str = "ci", commit: str = COMMIT) -> Ran:
    repo = f"{name}/atlas-7b@{commit}"
    return person.types("publish", "./atlas-7b", "--repo", repo, "--no-hub", "--key", f"{key}.key", *more)


def verify(person: Person, name: str, folder: str = "./atlas-7b") -> Ran:
    return person.types("verify", folder, "--repo", f"{name}/atlas-7b")


def posted(registry: RegistryProcess, submission: bytes, *statuses: int) -> str:
    """Send past our own client, as a thief would; return what the registry says to it."""
    status, answer = registry.post(submission)
    assert status in statuses, (status, answer)
    return json.dumps(answer)


# two people


def test_two_people_rotate_from_end_to_end(ana: Person, ben: Person, registry: RegistryProcess) -> None:
    adopt(registry, "rotate", [ANA, BEN], threshold=2)
    ana.model()
    publish(ana, "rotate").says(0, "VERIFIED")
    ben.key("ben2"), ana.key("ci2")
    hand(ben, ana, "ben2.pub")

    pending = claim(ana, "rotate", ["ana", "ben2"], ["ci2"], "ana", threshold=2)
    pending.says(10, "PENDING rotate: signed by 1 of 2 controllers; nothing was sent")
    pending.says(
        10, "draft:    rotate.record; the next person: modelseal record sign rotate.record --key FILE --submit"
    )
    for change in ("controller dropped", "controller added", "signer dropped", "signer added"):
        assert f"change:   {change}: SHA256:" in pending.out
    pending.says(
        10, "in force: 14 days after it is logged, in public: it drops a controller, and 1 of 2 controllers has"
    )

    hand(ana, ben, "rotate.record")
    ben.types("record", "show", "rotate.record").says(0, "signed by 1 of 2 controllers", "controller dropped")
    ben.types("record", "sign", "rotate.record", "--key", "ben.key", "--submit").says(10, "signed by 1 of 2 new")
    ben.types("record", "sign", "rotate.record", "--key", "ben2.key", "--submit").says(0, "LOGGED key change of rotate")

    ana.types("claim", "ns.toml").says(0, "CLAIMED rotate")
    verify(ana, "rotate").says(0, "VERIFIED")  # what the old key sealed while it might stands
    other = "1" * 40
    refused = publish(ana, "rotate", commit=other).says(1, "may not seal hf://rotate/atlas-7b: no scope covers it")
    assert "name it as a signer in ns.toml" in refused.err
    publish(ana, "rotate", key="ci2", commit=other).says(0, "VERIFIED")


def test_all_controllers_of_one_machine_rotate_at_once(ana: Person, registry: RegistryProcess) -> None:
    adopt(registry, "solo", [ANA])
    ana.key("ana2")
    claim(ana, "solo", ["ana2"], ["ci"], "ana").says(10, "signed by 0 of 1 new controllers; nothing was sent")
    claim(ana, "solo", ["ana2"], ["ci"], "ana", "ana2").says(0, "LOGGED solo: leaf", "every controller signed it")
    claim(ana, "solo", ["ana2"], [], "ana").says(1, "does not count here")
    claim(ana, "solo", ["ana2"], []).says(10, "signer dropped", "modelseal claim ns.toml --key FILE")


def test_a_change_that_waits_is_offered_again_to_all(ana: Person, ben: Person, registry: RegistryProcess) -> None:
    adopt(registry, "again", [ANA, BEN])
    claim(ana, "again", ["ana"], ["ci"], "ana").says(10, "PENDING again: leaf", "the new keys are in force on 20")
    waits = ana.types("claim", "ns.toml").says(10, "PENDING again: its keys change as this file says")
    waits.says(10, "every controller signs it again: modelseal claim ns.toml --key FILE --key FILE")
    found = ana.types("claim", "ns.toml", "--json").says(10).json
    assert found["key_change"]["as_wanted"] and found["key_change"]["due"] - time.time() > 13 * DAY
    again = ana.types("claim", "ns.toml", "--key", "ana.key")
    again.says(10, "signed by 1 of 2 controllers; in force at once only if all of them sign; nothing was sent")
    assert "every other controller: modelseal record sign again.record --key FILE; the last one adds" in again.out
    hand(ana, ben, "again.record")
    ben.types("record", "sign", "again.record", "--key", "ben.key", "--submit").says(0, "LOGGED key change of again")
    ana.types("claim", "ns.toml").says(0, "CLAIMED again")


# thieves


def test_one_stolen_controller_of_two_changes_nothing(
    ana: Person, ben: Person, thief: Person, registry: RegistryProcess
) -> None:
    digest = adopt(registry, "twice", [ANA, BEN], threshold=2)
    ana.model()
    publish(ana, "twice").says(0)
    claim(thief, "twice", ["eve"], ["eve"], "ana", "eve").says(10, "signed by 1 of 2 controllers; nothing was sent")
    keys = make.keys("hf://twice", make.key_set([EVE], []), seq=2, prev=digest, origin=registry.origin)
    posted(registry, make.submission(keys, [ANA, EVE]), 202, 403)
    fileset = json.loads(ana.types("show", "twice/atlas-7b", "--json").out)["seal"]
    wide = make.revocation("hf://twice", fileset=fileset, origin=registry.origin)
    posted(registry, make.submission(wide, [ANA]), 202, 403)
    thief.model(contents=BAD)
    publish(thief, "twice", "--replace", "--key", "ana.key", key="eve").says(1, "may not seal hf://twice/atlas-7b")
    ben.types("claim", str(_copy_of(ana, ben, "twice")), "--json").says(0)
    verify(ana, "twice").says(0, "VERIFIED")
    verify(thief, "twice").says(1, "FAILED")


def _copy_of(ana: Person, ben: Person, name: str) -> Path:
    return ben.ns_toml(name, ["ana", "ben"], ["ci"], 2)


def test_a_thief_of_one_of_two_rotates_and_objects_and_the_owner_rotates_back(
    ben: Person, thief: Person, registry: RegistryProcess
) -> None:
    """1 of 2: the stolen key alone starts a change, which waits; the other key alone ends it."""
    adopt(registry, "either", [ANA, BEN])
    claim(thief, "either", ["eve"], ["eve"], "ana", "eve").says(10, "in force on")
    ben.ns_toml("either", ["ana", "ben"], ["ci"])
    seen = ben.types("claim", "ns.toml").says(
        10, "new keys on", "by its controllers", "this is not what this file says"
    )
    assert f"controller dropped: {BEN.public.fingerprint}" in seen.out
    change = ben.types("claim", "ns.toml", "--json").json["key_change"]["record"]
    assert (
        f"next:     if no controller of yours wants it, let it wait longer: modelseal object hf://either {change[:12]}"
        in seen.out
    )
    thief.model(contents=BAD)
    publish(thief, "either", key="eve").says(10, "PENDING", "it may from 20", "when a change of keys is in force")

    back = claim(ben, "either", ["ben"], ["ci"], "ben").says(
        10, "PENDING either: leaf", f"dropped: {ANA.public.fingerprint}"
    )
    assert EVE.public.fingerprint not in back.out, "the thief's change is gone"
    due = ben.types("claim", "ns.toml", "--json").says(10).json["key_change"]["due"]
    thief.types("object", "hf://either", "--key", "ana.key").says(0, "OBJECTED either")
    thief.types("object", "hf://either", "--key", "ana.key").says(1, "counts once")
    waits = ben.types("claim", "ns.toml", "--json").says(10).json["key_change"]
    assert (waits["due"], waits["as_wanted"]) == (due + DELAY, True)
    claim(thief, "either", ["eve"], ["eve"], "eve").says(10, "signed by 0 of 1 controllers; nothing was sent")


def test_a_thief_of_one_of_two_names_a_signer_and_the_owner_revokes_it_for_ever(
    ben: Person, thief: Person, registry: RegistryProcess
) -> None:
    """Who reaches the threshold may name signers at once. What it seals is void once another controller says so."""
    adopt(registry, "named", [ANA, BEN])
    thief.model(contents=BAD)
    done = claim(thief, "named", ["ana", "ben"], ["ci", "eve"], "ana").says(0, "LOGGED named", "signer added")
    done.says(0, "in force: as soon as it is logged: it drops no controller, and nobody is outvoted")
    publish(thief, "named", key="eve").says(0, "VERIFIED")
    words = ("revoke", "named", "--signer", EVE.public.fingerprint, "--reason", "malicious", "--yes")
    ben.types(*words, "--key", "ben.key").says(0, f"voids:    named/atlas-7b@{COMMIT}", "the key seals nothing more")
    verify(thief, "named").says(1, "FAILED REVOKED (malicious)")
    claim(ben, "named", ["ana", "ben"], ["ci"], "ben").says(0, "signer dropped")
    claim(thief, "named", ["ana", "ben"], ["ci", "eve"], "ana").says(0, "signer added")
    publish(thief, "named", key="eve", commit="7" * 40).says(1, "it is revoked")


def test_taking_a_change_back_is_at_once(ben: Person, thief: Person, registry: RegistryProcess) -> None:
    adopt(registry, "back", [ANA, BEN])
    claim(thief, "back", ["eve"], ["eve"], "ana", "eve").says(10, "in force on")
    back = claim(ben, "back", ["ana", "ben"], ["ci"], "ben").says(0, "LOGGED back: leaf")
    assert "withdraws the key change that waits" in back.out
    ben.types("claim", "ns.toml").says(0, "CLAIMED back")


def test_a_stripped_signature_only_delays_and_the_change_is_repeated(ana: Person, registry: RegistryProcess) -> None:
    """Whoever carries a complete record can log it with fewer signatures, once: its text is then taken."""
    digest = adopt(registry, "stripped", [ANA, BEN])
    wanted = make.key_set([ANA], [(CI, "hf://stripped/*")])
    text = make.keys("hf://stripped", wanted, seq=2, prev=digest, origin=registry.origin)
    posted(registry, make.submission(text, [ANA]), 200)
    posted(registry, make.submission(text, [ANA, BEN]), 200)  # logged already, as it was
    ana.key("ben2"), ana.ns_toml("stripped", ["ana"], ["ci"])
    ana.types("claim", "ns.toml").says(10, "its keys change as this file says")
    (ana.here / "ben.pub").unlink()
    ana.key("ben")
    ana.types("claim", "ns.toml", "--key", "ana.key", "--key", "ben.key").says(0, "LOGGED stripped: leaf")
    ana.types("claim", "ns.toml").says(0, "CLAIMED stripped")


def test_an_old_draft_of_the_owner_is_not_logged_later(ana: Person, ben: Person, registry: RegistryProcess) -> None:
    digest = adopt(registry, "old", [ANA, BEN], threshold=2)
    claim(ana, "old", ["ana", "ben"], ["ci", "eve"], "ana", threshold=2).says(10, "signed by 1 of 2")
    hand(ana, ben, "old.record")
    ben.key("cy")
    changed = make.keys("hf://old", make.key_set([ANA, BEN], [], 2), seq=2, prev=digest, origin=registry.origin)
    posted(registry, make.submission(changed, [ANA, BEN]), 200)
    late = ben.types("record", "sign", "old.record", "--key", "ben.key", "--submit")
    late.says(1, "record 2 of the owner's chain; the next is 3")
    assert publish(_with_model(ana), "old").says(1, "no scope covers it")


def _with_model(person: Person) -> Person:
    person.model()
    return person


# a signer


def test_a_revoked_signers_releases_fail_and_its_revocations_stay(
    ana: Person, ben: Person, registry: RegistryProcess
) -> None:
    adopt(registry, "signer", [ANA, BEN], threshold=2)
    ana.model()
    publish(ana, "signer").says(0)
    ana.types("publish", "./atlas-7b", "--repo", f"datasets/signer/d@{COMMIT}", "--no-hub", "--key", "ci.key").says(1)
    second = "2" * 40
    (ana.here / "atlas-7b/config.json").write_bytes(b"[2]")
    publish(ana, "signer", commit=second).says(0)
    revoke = ("revoke", f"signer/atlas-7b@{second}", "--reason", "withdrawn", "--yes", "--key", "ci.key")
    ana.types(*revoke).says(0, "REVOKED (withdrawn)")
    ana.model("other")
    ana.types("publish", "./other", "--repo", f"signer/other@{COMMIT}", "--no-hub", "--key", "ci.key").says(
        0, "VERIFIED"
    )

    words = ("revoke", "hf://signer", "--signer", CI.public.fingerprint, "--reason", "key-compromise")
    dry = ana.types(*words, "--dry-run").says(0, f"DRY RUN signer, signer {CI.public.fingerprint}")
    assert re.findall("voids: +(.*)", dry.out) == [f"signer/atlas-7b@{COMMIT}", f"signer/other@{COMMIT}"]
    ana.types(*words, "--key", "ci.key", "--yes").says(1, "does not count here")
    done = ana.types(*words, "--key", "ana.key", "--yes").says(10, "signed by 1 of 2 controllers; nothing was sent")
    draft = f"signer-{CI.key.sha256.hex()[:12]}.record"
    assert f"draft:    {draft}; the next person: modelseal record sign {draft} --key FILE --submit" in done.out
    hand(ana, ben, draft)
    ben.types("record", "sign", draft, "--key", "ben.key", "--submit").says(0, "LOGGED revocation in signer")

    ana.types("verify", "./other", "--repo", "signer/other").says(1, "FAILED REVOKED (key-compromise)")
    (ana.here / "atlas-7b/model.sig").unlink()
    publish(ana, "signer", commit="3" * 40).says(1, "may not seal hf://signer/atlas-7b: it is revoked")
    shown = ana.types("show", "signer/atlas-7b").says(1)
    assert re.search(f"{second}, .*, REVOKED \\(withdrawn\\)", shown.out), "what it revoked stays revoked"
    ana.types(*words, "--key", "ana.key", "--yes").says(1, "is revoked already in signer (key-compromise)")
    other_key = ("revoke", "signer", "--signer", EVE.public.fingerprint, "--reason", "malicious", "--dry-run")
    ana.types(*other_key).says(1, "no key of signer, now or earlier, has the fingerprint")


def of_two_bundles() -> World:
    """A log of more than 256 leaves, in which ci sealed at the beginning and at the end."""
    world = World(now=int(time.time()))
    world.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    world.publish("hf://acme-lab/first", 1, CI)
    for number in range(128):
        world.log(make.text("suspend", turn=number + 9, namespace="hf://acme-lab", reason="withdrawn"))  # no effect
    world.publish("hf://acme-lab/last", 2, CI)
    return world


SIGNER = ("revoke", "acme-lab", "--signer", CI.public.fingerprint, "--reason", "malicious", "--dry-run", "--json")
EVERYWHERE = ("revoke", f"acme-lab/last@{make.revision(2)}", "--everywhere", *SIGNER[4:])


def test_what_a_revocation_voids_is_proven_whole_or_said_not_to_be(tmp_path: Path) -> None:
    world = of_two_bundles()
    files = world.files()
    both = [f"acme-lab/first@{make.revision(1)}", f"acme-lab/last@{make.revision(2)}"]
    [newest] = [path for path in files if path.startswith("tile/entries/001")]
    oldest = "tile/entries/000"
    for name, revision in (("readme", None), ("first", None), ("last", None), ("last", make.revision(2))):
        path = f"evidence/acme-lab/{name}" + (f"@{revision}" if revision else "")
        files[path] = world.evidence(f"hf://acme-lab/{name}", revision)
    with Address(files) as address:
        owner = Someone(tmp_path, world, address)

        def lists(expected: list[str], whole: bool) -> None:
            for words in (SIGNER, EVERYWHERE):
                found = owner.types(*words).says(0).json
                assert (found["voids"], found["voids_all_known"]) == (expected, whole)

        lists(both, True)
        width = int(newest.rpartition("/")[2])
        there = tiles.parse_entries(files[newest], width, newest)
        address.files["tile/entries/001"] = tiles.encode_entries([*there, *[b"{}"] * (256 - width)])
        del address.files[newest]  # the log has grown since, and its partial bundle is gone
        lists(both, True)
        del address.files[oldest]
        lists(both[1:], False)
        owner.types(*SIGNER[:-1]).says(0, "perhaps more: the log could not be read to its beginning")
        address.files[oldest] = files[oldest][:-1]
        lists(both[1:], False)
        address.files[oldest] = files[oldest].replace(b"acme-lab/first", b"acme-lab/other")
        lists(both[1:], False)
        address.files["evidence/acme-lab/last"] = status(503)
        found = owner.types(*SIGNER).says(0).json
        assert (found["voids"], found["voids_all_known"]) == ([], False), "withholding does not stop a revocation"


USAGE: dict[str, tuple[tuple[str, ...], str]] = {
    "no signer": (("hf://acme-lab",), "what of hf://acme-lab is to be revoked?"),
    "a short fingerprint": (("acme-lab", "--signer", "SHA256:7f3c"), "SHA256:7f3c is not a fingerprint"),
    "everywhere": (("acme-lab", "--signer", "0" * 64, "--everywhere"), "--signer is about a key"),
    "a replacement": (("acme-lab", "--signer", "0" * 64, "--replacement", COMMIT), "--signer is about a key"),
    "a release": ((f"acme-lab/a@{COMMIT}", "--signer", "0" * 64), "--signer is about a namespace"),
    "no commit": (("acme-lab/a",), "a commit is wanted"),
    "no namespace": (("hf://data sets", "--signer", "0" * 64), "is not a namespace"),
}


@pytest.mark.parametrize("case", USAGE)
def test_what_is_to_be_revoked_is_said_plainly(case: str, ana: Person) -> None:
    words, says = USAGE[case]
    before = ana.left()
    ana.types("revoke", *words, "--reason", "malicious", "--yes", "--key", "ana.key").says(2, says)
    ana.types("revoke", "acme-lab", "--signer", "0" * 64, "--reason", "superseded", "--dry-run").says(
        2, "voids nothing"
    )
    assert ana.left() == before


def test_a_replacement_is_a_release_that_stands(ana: Person, registry: RegistryProcess) -> None:
    adopt(registry, "instead", [ANA])
    ana.model()
    publish(ana, "instead").says(0)
    good, bad = "4" * 40, "5" * 40
    (ana.here / "atlas-7b/config.json").write_bytes(b"[4]")
    publish(ana, "instead", commit=good).says(0)
    revoke = ("revoke", f"instead/atlas-7b@{COMMIT}", "--reason", "malicious", "--yes", "--key", "ana.key")
    ana.types(*revoke, "--replacement", bad).says(
        1, f"instead/atlas-7b@{bad} is not sealed: a replacement is a release"
    )
    ana.types(*revoke, "--replacement", COMMIT).says(1, "voided by this very revocation")
    ana.types(*revoke, "--replacement", good).says(0, f"instead:  {good}")
    failed = ana.types("verify", "./atlas-7b", "--repo", f"instead/atlas-7b@{COMMIT}").says(1, "REVOKED (malicious)")
    assert f"modelseal show instead/atlas-7b@{good}" in failed.out
    ana.types(*revoke[:1], f"instead/atlas-7b@{good}", *revoke[2:]).says(0)
    failed = ana.types("verify", "./atlas-7b", "--repo", f"instead/atlas-7b@{COMMIT}").says(1, "REVOKED (malicious)")
    assert good not in failed.out, "readers are not sent to what is revoked itself"


# sealing a commit again


def test_a_squatted_commit_is_taken_back_by_the_controllers(
    ana: Person, ben: Person, registry: RegistryProcess
) -> None:
    """A weak signer seals a commit first, with other files. It may; and it cannot keep it."""
    signers = [(CI, "hf://squat/*"), (EVE, "hf://squat/*")]
    text = make.claim("hf://squat", [ANA, BEN], signers, threshold=2, origin=registry.origin)
    admit(registry, text, [ANA, BEN])
    weak = someone(ben.here.parent.parent / "weak", registry, "eve")
    weak.model(contents=BAD)
    publish(weak, "squat", key="eve").says(0, "VERIFIED")

    ana.model()
    refused = publish(ana, "squat").says(1, "is sealed already", EVE.public.fingerprint)
    assert "with the controllers --replace it" in refused.err
    publish(ana, "squat", "--key", "ana.key").says(2, "exactly one --key is wanted")
    dry = publish(ana, "squat", "--replace", "--dry-run").says(0, "DRY RUN", "signed by 0 of 2 controllers")
    assert re.search(f"voids:    squat/atlas-7b@{COMMIT}, leaf [0-9]+, seal [0-9a-f]{{64}}, for ever", dry.out)
    assert not (ana.here / "atlas-7b.record").exists()
    waits = publish(ana, "squat", "--replace", "--key", "ana.key").says(10, "PENDING squat/atlas-7b@", "1 of 2")
    assert "draft:    atlas-7b.record; the next person: modelseal record sign atlas-7b.record" in waits.out
    record = (ana.here / "atlas-7b.record").read_bytes()
    publish(ana, "squat", "--replace", "--key", "ana.key", "--json").says(10)
    assert Submission.parse((ana.here / "atlas-7b.record").read_bytes()).text == Submission.parse(record).text
    verify(weak, "squat").says(0, "VERIFIED")
    verify(ana, "squat").says(1, "FAILED")

    hand(ana, ben, "atlas-7b.record")
    ben.types("record", "show", "atlas-7b.record").says(0, "replaces the seal", "signed by 1 of 2 controllers")
    ben.types("record", "sign", "atlas-7b.record", "--key", "ben.key", "--submit").says(
        0, "LOGGED release squat/atlas-7b"
    )
    done = publish(ana, "squat", "--replace", "--key", "ana.key").says(0, "VERIFIED", "it was in the log already")
    assert "wrote:    atlas-7b/model.sig, atlas-7b.evidence" in done.out
    verify(ana, "squat").says(0, "VERIFIED")
    verify(weak, "squat").says(1, "FAILED REVOKED (replaced) squat/atlas-7b")
    publish(weak, "squat", key="eve").says(1, "is sealed already")
    (weak.here / "atlas-7b/config.json").write_bytes(b"[again]")
    publish(weak, "squat", "--replace", key="eve").says(10, "signed by 0 of 2 controllers; nothing was sent")


def test_a_signer_alone_replaces_nothing(ana: Person, registry: RegistryProcess) -> None:
    adopt(registry, "replace", [ANA])
    ana.model()
    first = publish(ana, "replace", "--replace", "--key", "ana.key").says(0, "VERIFIED")
    assert "voids" not in first.out, "nothing stands there: an ordinary release, signed by its signer alone"
    seal = ana.types("show", "replace/atlas-7b", "--json").says(0).json["seal"]
    files = [make.file("config.json", b"other")]
    bundle = make.seal(CI, "hf://replace/atlas-7b", COMMIT, files)
    for replaces, answers in ((None, (409,)), (seal, (202, 403))):
        record = make.release(bundle, CI, replaces=replaces, origin=registry.origin)
        posted(registry, make.submission(record, [CI], bundle), *answers)
    (ana.here / "atlas-7b/config.json").write_bytes(b"[new]")
    publish(ana, "replace").says(1, "is sealed already")
    again = publish(ana, "replace", "--replace", "--key", "ana.key", "--json").says(0).json
    assert (again["verdict"], again["again"], len(again["voids"])) == ("verified", False, 1)
    stale = make.release(bundle, CI, replaces=seal, origin=registry.origin)  # replaces what is no longer the newest
    posted(registry, make.submission(stale, [CI, ANA], bundle), 409)


def test_what_was_revoked_by_mistake_is_sealed_again_with_the_controllers(
    ana: Person, registry: RegistryProcess
) -> None:
    adopt(registry, "mistake", [ANA])
    ana.model()
    publish(ana, "mistake").says(0)
    ana.types("revoke", f"mistake/atlas-7b@{COMMIT}", "--reason", "withdrawn", "--yes", "--key", "ci.key").says(0)
    publish(ana, "mistake").says(1, "FAILED REVOKED (withdrawn)")
    publish(ana, "mistake", "--replace", "--key", "ana.key").says(0, "VERIFIED", "voids:    mistake/atlas-7b@")
    verify(ana, "mistake").says(0, "VERIFIED")


def test_contents_that_were_revoked_everywhere_are_not_sealed_again(ana: Person, registry: RegistryProcess) -> None:
    adopt(registry, "wide", [ANA])
    ana.model()
    publish(ana, "wide").says(0)
    words = ("revoke", f"wide/atlas-7b@{COMMIT}", "--everywhere", "--reason", "malicious", "--yes", "--key", "ana.key")
    ana.types(*words).says(0, f"voids:    wide/atlas-7b@{COMMIT}", "the same files in every other repo of wide")
    for more, commit in (((), "6" * 40), (("--replace", "--key", "ana.key"), COMMIT)):
        publish(ana, "wide", *more, commit=commit).says(1, "these very contents were revoked everywhere in wide on 20")
    publish(ana, "wide").says(1, "FAILED REVOKED (malicious)")


# a name


def test_a_namespace_that_renames_itself_needs_the_operators_again(ana: Person, registry: RegistryProcess) -> None:
    digest = adopt(registry, "someone", [ANA])
    ana.model()
    publish(ana, "someone").says(0, "sealed by Acme Lab (acme.example)")
    ana.ns_toml("someone", ["ana"], ["ci"], title="OpenAI")
    renamed = ana.types("claim", "ns.toml", "--key", "ana.key")
    renamed.says(10, "PENDING someone: sent to", "change:   title: Acme Lab -> OpenAI", "Hub:      ")
    assert (ana.here / "someone.claim.json").exists()
    named = json.loads((ana.here / "someone.claim.json").read_text())["claims"]
    assert digest in named and len(named) == 2, "the claim that stands is still named"
    verify(ana, "someone").says(0, "sealed by Acme Lab (acme.example)")
    found = ana.types("claim", "ns.toml", "--json").says(10).json
    assert (found["verdict"], found["changes"]) == ("pending", ["title: Acme Lab -> OpenAI"])
    ana.ns_toml("someone", ["ana"], ["ci"], title="Open AI")
    ana.types("claim", "ns.toml", "--key", "ana.key").says(10, "still names 2 earlier claims")
    names = json.loads((ana.here / "someone.claim.json").read_text())["claims"]
    assert set(names) > set(named) and len(names) == 3, "the one before may still be approved"
    # not even the registry's web side can log it: it is no record without the operators around it
    text = make.claim("hf://someone", seq=2, prev=digest, title="OpenAI", origin=registry.origin)
    posted(registry, make.submission(make.identity(text, [ANA], turn=2, origin=registry.origin), [ANA]), 403)
    verify(ana, "someone").says(0, "sealed by Acme Lab (acme.example)")


def test_keys_and_name_change_in_one_go_and_what_is_done_is_said(ana: Person, registry: RegistryProcess) -> None:
    adopt(registry, "onego", [ANA])
    ana.key("ana2")
    ana.ns_toml("onego", ["ana2"], ["ci"], title="New Lab")
    (ana.here / "onego.claim.json").write_text("my notes")
    words = ("claim", "ns.toml", "--key", "ana.key", "--key", "ana2.key")
    half = ana.types(*words).says(
        1, "the key change is logged, leaf ", "the claim after it: onego.claim.json is no claim"
    )
    assert "move it away" in half.err
    (ana.here / "onego.claim.json").unlink()
    ana.types("claim", "ns.toml", "--key", "ana.key").says(1, "is not a controller of hf://onego")
    ana.types("claim", "ns.toml", "--key", "ana2.key").says(10, "sent to", "change:   title: Acme Lab -> New Lab")
    ana.key("ana3")
    ana.ns_toml("onego", ["ana3"], ["ci"], title="Newer Lab")
    done = ana.types("claim", "ns.toml", "--key", "ana2.key", "--key", "ana3.key").says(10, "PENDING onego: sent to")
    done.says(10, "logged:   leaf ", "controller added", "change:   title: Acme Lab -> Newer Lab")


def test_what_a_registry_misses_is_said_piece_by_piece(tmp_path: Path) -> None:
    missing = (
        "modelseal.json on main of the Space spaces/lab/README (there is no such Space); approval by the operators"
    )
    world = World(now=int(time.time()))
    with Address(world.files()) as address:
        owner = Someone(tmp_path, world, address)
        for key in ("ana", "ci"):
            (owner.here / f"{key}.pub").write_text(make.key(key).public.pem)
        _write(owner, "ana")
        Person.ns_toml(_at(owner), "lab", ["ana"], ["ci"])

        def wait(handler: BaseHTTPRequestHandler) -> None:
            body = json.dumps({"waits_for": missing}, separators=(",", ":")).encode()
            handler.send_response(202)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        address.files["records"] = wait
        sent = owner.types("claim", "ns.toml", "--key", "ana.key").says(
            10, "PENDING lab: sent to registry.example; it wai"
        )
        assert re.findall("waits for: (.*)", sent.out) == missing.split("; ")
        assert "Hub:      missing; do: hf upload lab/README lab.claim.json modelseal.json --type space" in sent.out
        assert "domain:   if it is not there yet, put the same file at https://acme.example/.well-known/" in sent.out
        found = owner.types("claim", "ns.toml", "--key", "ana.key", "--json").says(10).json
        assert (found["sent"], found["waits_for"]) == (True, f"waits for {missing}")


# two weeks later


def owned(now: int, *, threshold: int = 1) -> tuple[World, str]:
    world = World(now=now)
    digest = world.claim("hf://acme-lab", [ANA, BEN], [(CI, "hf://acme-lab/*")], threshold=threshold)
    world.publish("hf://acme-lab/atlas-7b", 1, CI)
    return world, digest


def stands(world: World) -> Namespace:
    decision = world.ask("hf://acme-lab/atlas-7b")
    assert decision.state is not None
    found = decision.state.namespace("hf://acme-lab", decision.time)
    assert found is not None
    return found


def rotated(world: World, seq: int, prev: str, to: Sequence[Private], by: Sequence[Private]) -> str:
    record = make.keys("hf://acme-lab", make.key_set(to, [(to[0], "hf://acme-lab/*")]), seq=seq, prev=prev)
    world.log(record, by)
    return make.digest(record)


def test_what_nobody_saw_for_two_weeks_is_in_force_and_said_before() -> None:
    world, digest = owned(make.NOW)
    rotated(world, 2, digest, [EVE], [ANA, EVE])
    world.now += DELAY - 1
    notes = " ".join(world.ask("hf://acme-lab/atlas-7b").notes)
    assert f"its keys are to change on {utc(make.NOW + DELAY)}" in notes
    world.now += 1
    assert stands(world).key_set.controllers == (EVE.key,)
    assert world.ask("hf://acme-lab/atlas-7b").word is None, "releases of before stay"


def test_operators_recover_what_a_thief_took(tmp_path: Path) -> None:
    now = int(time.time())
    world, digest = owned(now - 30 * DAY)
    rotated(world, 2, digest, [EVE], [ANA, EVE])
    world.now = now - 15 * DAY
    new = make.key_set([BEN], [(CI, "hf://acme-lab/*")])
    world.log(make.text("recover", turn=2, namespace="hf://acme-lab", key_set=new), [OPS])
    world.now = now
    world.log(make.text("suspend", turn=3, namespace="hf://acme-lab", reason="key-compromise"), [OPS])
    with Address(world.files()) as address:
        owner = Someone(tmp_path, world, address)
        for key in ("ben", "ci"):
            (owner.here / f"{key}.pub").write_text(make.key(key).public.pem)
        toml = Person.ns_toml(_at(owner), "acme-lab", ["ben"], ["ci"])
        seen = owner.types("claim", toml.name).says(10, "PENDING acme-lab: registry.example says what this file says")
        assert f"suspended: until {utc(now + 14 * DAY)} by the operators (key-compromise)" in seen.out
        found = owner.types("claim", toml.name, "--json").json
        assert (found["suspended_until"], found["key_change"], found["recovery"]) == (now + 14 * DAY, None, None)
        owner.folder("atlas-7b", dict(MODEL))
        words = ("publish", "./atlas-7b", "--repo", f"acme-lab/atlas-7b@{COMMIT}", "--no-hub", "--key", "ci.key")
        _write(owner, "ci")
        owner.types(*words).says(1, f"acme-lab is suspended until {utc(now + 14 * DAY)}: no releases")
        world.log(make.text("lift", turn=4, namespace="hf://acme-lab"), [OPS])
        world.log(make.text("retire", turn=5, namespace="hf://acme-lab", reason="withdrawn"), [OPS])
        address.files.update(world.files())
        owner.types(*words).says(1, "hf://acme-lab is retired (withdrawn): only revocations are admitted")
        owner.types("claim", toml.name).says(0, "CLAIMED acme-lab", "retired:")


def _at(someone: Someone) -> Person:
    person = Person.__new__(Person)
    person.here, person.home, person.registry = someone.here, someone.home, None
    return person


def _write(owner: Someone, name: str) -> None:
    key = make.key(name)
    from modelseal.keys import SigningKey, encode_private

    path = owner.here / f"{name}.key"
    path.write_bytes(encode_private(SigningKey(key.secret, key.public), None))
    path.chmod(0o600)
