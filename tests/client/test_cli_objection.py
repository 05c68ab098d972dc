"""`modelseal object`, and the records of every type under `modelseal record`, as typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelseal import keys as files
from modelseal.formats import strict
from modelseal.formats.leaves import Submission
from modelseal.formats.records import parse_any
from tests.support import make
from tests.support.make import Private
from tests.support.person import Person
from tests.support.servers import RegistryProcess, operate, running

ANA, BEN, CI, EVE = (make.key(name) for name in ("ana", "ben", "ci", "eve"))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    with running(tmp_path_factory.mktemp("objection") / "reg") as found:
        for name in ("robbed", "both", "calm"):
            own(found, f"hf://{name}")
        yield found


def own(registry: RegistryProcess, namespace: str) -> None:
    """Have *namespace* owned by Ana and Ben, of whom one is enough: what no owner should choose."""
    text = make.claim(namespace, [ANA, BEN], [(CI, f"{namespace}/*")], origin=registry.origin, title=namespace[5:])
    assert registry.post(make.submission(text, [ANA]))[0] == 202
    name = f"{namespace.removeprefix('hf://')}@{make.digest(text)[:12]}"
    operate(registry.folder, "claims", "approve", name, "--without-evidence", "a test", "--yes")


def steal(registry: RegistryProcess, namespace: str) -> str:
    """Ben takes the namespace for Eve; return the digest of the change, which waits."""
    first = make.claim(namespace, [ANA, BEN], [(CI, f"{namespace}/*")], origin=registry.origin, title=namespace[5:])
    new = make.key_set([EVE], [(EVE, f"{namespace}/*")])
    record = make.keys(namespace, new, seq=2, prev=make.digest(first), origin=registry.origin)
    status, answer = registry.post(make.submission(record, [BEN, EVE]))
    assert status == 200, answer
    return make.digest(record)


def operator(registry: RegistryProcess) -> Private:
    own = files.load(str(registry.folder / "keys/operator-for-trying-out.key"), None)
    return Private(own.private, own.public)


@pytest.fixture
def person(tmp_path: Path, registry: RegistryProcess) -> Person:
    person = Person(tmp_path, registry)
    for name in ("ana", "ben", "ci", "eve"):
        person.key(name)
    return person


def test_a_controller_objects_to_a_theft_once(person: Person, registry: RegistryProcess) -> None:
    digest = steal(registry, "hf://robbed")
    seen = person.types("object", "hf://robbed").says(
        10, "PENDING robbed: new keys wait", f"change:   {digest}, leaf", "by the owner's keys", "in force: 20",
        "makes:    controller dropped: SHA256:", f"next:     modelseal object hf://robbed {digest[:12]} --key FILE",
    )  # fmt: skip
    assert "objected" not in seen.out
    before = person.types("object", "robbed", "--json").says(10).json
    assert (before["verdict"], before["waiting"][0]["objected"]) == ("pending", False)
    person.types("object", "hf://robbed", "-q").says(10, digest)

    person.types("object", "hf://robbed", "--key", "ci.key").says(1, "does not count here")
    person.run("object", "hf://robbed", "--key", "ana.key").says(
        0, "OBJECTED robbed: leaf ", "14 days longer", "14 days later by an objection"
    )
    after = person.types("object", "hf://robbed", "--json").says(10).json["waiting"][0]
    assert (after["objected"], after["due"] - before["waiting"][0]["due"]) == (True, 14 * 86_400)
    person.types("object", "hf://robbed").says(10, "14 days later by an objection")
    person.types("object", "hf://robbed", "--key", "ben.key").says(1, "that counts once")
    person.types("show", "hf://robbed").says(
        0,
        f"pending:  {digest}",
        "controller added: SHA256:",
        "next:     for a controller",
        "modelseal object hf://robbed",
    )
    assert person.types("show", "hf://robbed", "--json").json["pending"]["record"] == digest


def test_where_two_changes_wait_it_must_be_said_which(person: Person, registry: RegistryProcess) -> None:
    digest = steal(registry, "hf://both")
    recover = make.text(
        "recover", turn=2, namespace="hf://both", key_set=make.key_set([ANA], []), origin=registry.origin
    )
    assert registry.post(make.submission(recover, [operator(registry)]))[0] == 200
    person.types("object", "hf://both", "--key", "ana.key").says(
        2, "2 changes wait; which one?", f"{digest[:12]} (keys)", f"{make.digest(recover)[:12]} (recover)"
    )
    person.types("object", "hf://both", "0123", "--key", "ana.key").says(2, "no digest of a change", "12 hex digits")
    person.types("object", "hf://both", "0" * 12, "--key", "ana.key").says(1, "no change with the digest")
    done = person.types("object", "hf://both", make.digest(recover)[:12], "--key", "ben.key", "--json").says(0).json
    assert (done["verdict"], done["waiting"][0]["type"]) == ("objected", "recover")


def test_where_nothing_waits_there_is_nothing_to_object_to(person: Person) -> None:
    person.types("object", "hf://calm").says(0, "CLEAN calm: no change of its keys waits")
    person.types("object", "hf://calm", "--key", "ana.key").says(1, "there is nothing to object to")
    person.types("object", "hf://nobody").says(1, "nobody's claim of it is approved")
    person.types("object", "a b").says(2, "is not a namespace")
    person.types("object").says(2)


def draft(person: Person, registry: RegistryProcess, type_: str, **fields: Any) -> str:
    """Write a record that nobody has signed; return its file."""
    text = make.text(type_, origin=registry.origin, **fields)
    name = f"{type_}.record"
    (person.here / name).write_bytes(Submission(text, parse_any(text), (), None).encode())
    return name


NS = "hf://calm"
SET = make.key_set([ANA], [(ANA, "hf://calm/*")])
TYPES: dict[str, tuple[dict[str, Any], str, str]] = {
    "suspend": ({"turn": 2, "reason": "malicious"}, "suspension of calm, turn 2", "signed by 0 of 1 operators"),
    "recover": ({"turn": 2, "key_set": SET}, "recovery of calm, turn 2", "change:   controller dropped: SHA256:"),
    "retire": ({"turn": 2, "reason": "withdrawn"}, "retirement of calm, turn 2", "signed by 0 of 1 operators"),
    "revocation": (
        {
            "repo": None, "seal": None, "fileset": None, "signer": CI.key.value(), "reason": "compromised",
            "replacement": None,
        },
        "revocation in calm, reason compromised", f"voids all that the key SHA256:{CI.key.sha256.hex()} sealed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("type_", TYPES)
def test_a_record_of_every_type_is_shown_with_what_it_changes(
    type_: str, person: Person, registry: RegistryProcess
) -> None:
    fields, about, says = TYPES[type_]
    name = draft(person, registry, type_, namespace=NS, **fields)
    person.types("record", "show", name).says(0, f"RECORD {about}", says, "waits for: signed by 0 of 1 ")
    person.types("record", "sign", name, "--key", "eve.key").says(1, "does not count here")


def test_what_was_seen_and_is_withdrawn_is_shown_before_it_is_signed(person: Person, registry: RegistryProcess) -> None:
    repo, commit, trial = "hf://seen/atlas", make.revision(7), operator(registry)
    key = str(registry.folder / "keys/operator-for-trying-out.key")

    def observation(**changed: Any) -> dict[str, Any]:
        value: dict[str, Any] = strict.loads(make.observation(repo, commit, trial, **changed), "")
        return {name: member for name, member in value.items() if name not in ("v", "type", "origin")}

    name = draft(person, registry, "observation", **observation())
    about = f"RECORD observation of seen/atlas@{commit}"
    shown = person.types("record", "show", name).says(0, about, "large ones on the Hub's word", "7 days after")
    assert "this commit: not observed before" in shown.out and "signed by 0 of 1 observers" in shown.out
    person.types("record", "sign", name, "--key", "ana.key").says(1, "does not count here")
    person.types("record", "sign", name, "--key", key, "--submit").says(0, "LOGGED observation of")
    prev = make.digest(make.observation(repo, commit, trial, origin=registry.origin))
    name = draft(person, registry, "observation", **observation(prev=prev, basis="downloaded"))
    person.types("record", "show", name).says(0, "downloaded and hashed", "with the same contents")
    name = draft(person, registry, "observation", **observation(prev=prev, fileset="ab" * 32))
    person.types("record", "show", name).says(0, "contents of this commit:", f"-> {'ab' * 32}")
    name = draft(person, registry, "observation", **observation())
    person.types("record", "show", name).says(0, "it is logged already")
    name = draft(person, registry, "withdrawal", repo=repo, revision=commit, reason="malicious")
    shown = person.types("record", "show", name).says(0, "RECORD withdrawal of seen/atlas@", "FAILED for ever")
    assert "-> withdrawn" in shown.out and "signed by 0 of 1 operators" in shown.out
    person.types("record", "sign", name, "--key", key, "--submit").says(0, "LOGGED withdrawal of")
    name = draft(person, registry, "withdrawal", repo=repo, revision=commit, reason="compromised")
    person.types("record", "show", name).says(0, "(malicious), and stays so")


def test_what_no_rule_can_admit_is_refused_before_it_is_signed(person: Person, registry: RegistryProcess) -> None:
    for type_, fields, words in (
        ("lift", {"turn": 2}, "neither suspended nor to be recovered"),
        ("retire", {"turn": 1, "reason": "withdrawn"}, "turn 1 of the operators' acts, the next is 2"),
        ("objection", {"target": "ab" * 32}, "no change with the digest"),
    ):
        name = draft(person, registry, type_, namespace=NS, **fields)
        person.types("record", "show", name).says(1, words)


def test_a_record_about_the_whole_registry_is_compared_too(person: Person, registry: RegistryProcess) -> None:
    name = draft(person, registry, "watchlist", seq=1, prev=None, add=["hf://openai"], remove=[])
    person.types("record", "show", name).says(0, "RECORD watch-list of", "added: openai", "signed by 0 of 1 operators")
    person.types("record", "sign", name, "--key", "ana.key").says(1, "does not count here")
    person.types("record", "show", name, "--offline").says(0, "not asked (offline)")
    trial = registry.folder / "keys/operator-for-trying-out.key"
    person.types("record", "sign", name, "--key", str(trial), "--submit").says(0, "LOGGED watch-list of")
    person.types("record", "show", name).says(0, "it is logged already")
    old = draft(person, registry, "watchlist", seq=1, prev=None, add=["hf://mistral"], remove=[])
    person.types("record", "sign", old, "--key", str(trial)).says(1, "version 1 of the watch-list; the next is 2 after")
