"""What may be posted, and what it is answered."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelseal.formats import checkpoint, merkle, records, strict
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.envelope import Bundle
from modelseal.formats.leaves import MAX_SUBMISSION, Leaf, Submission
from modelseal.formats.note import Note
from modelseal_registry import registry as service
from modelseal_registry.append import encode_roots
from modelseal_registry.emitter import read_published
from modelseal_registry.registry import Registry
from tests.support import make
from tests.support.make import NOW, ORIGIN
from tests.support.registry import OPS, House

ANA, BEN, CI, EVE = make.key("ana"), make.key("ben"), make.key("ci", "ed25519"), make.key("eve")
NS, REPO = "hf://acme-lab", "hf://acme-lab/atlas-7b"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A registry for everything that must leave it as it was."""
    house = House(tmp_path_factory.mktemp("shared"))
    house.adopt(NS, [ANA, BEN], [(CI, f"{NS}/*")], threshold=2)
    house.logged(make.sealed(CI, REPO, 1))
    return house


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.adopt(NS, [ANA, BEN], [(CI, f"{NS}/*")], threshold=2)
    return house


def contents(house: House) -> tuple[object, ...]:
    with house.store.read() as tx:
        return tx.head(), tx.count_waiting(), list(tx.seals()), tx.claims(), house.files()


def edited(data: bytes, **fields: Any) -> bytes:
    return strict.encode({**json.loads(data), **fields}).encode()


GOOD = make.sealed(CI, REPO, 2)
SEAL = make.seal(CI, REPO, make.revision(2))
BY_EVE = make.seal(EVE, REPO, make.revision(2))


def unread(record: str) -> bytes:
    """The submission of a text that our own parser refuses."""
    return strict.encode({"v": 1, "record": record, "signatures": [], "seal": None}).encode()


def released(bundle: str | None = SEAL, by: make.Private = CI, seal: str | None = SEAL, **changed: Any) -> bytes:
    return make.submission(make.release(bundle or SEAL, by, **changed), [by], seal)


def wrong_signature() -> bytes:
    value = json.loads(GOOD)
    value["signatures"] = json.loads(make.sealed(CI, REPO, 3))["signatures"]
    return strict.encode(value).encode()


FIRST = make.claim("hf://newcomer", [ANA, BEN], [(CI, "hf://newcomer/*")], threshold=2)

# name: (what is posted, status, words of the answer)
BAD: dict[str, tuple[bytes | Callable[[], bytes], int, str]] = {
    "nothing": (b"", 400, "not JSON"),
    "no JSON": (b"hello", 400, "not JSON"),
    "not UTF-8": (b"\xff\xfe", 400, "not UTF-8"),
    "a list": (b"[]", 400, "not an object"),
    "deep nesting": (b"[" * 100_000, 400, "not JSON"),
    "a number of 5,000 digits": (b"1" * 5000, 400, "a number outside"),
    "NaN": (b'{"v":NaN}', 400, "numbers are integers"),
    "a lone surrogate": (b'{"v":"\\ud800"}', 400, "not canonical"),
    "a key twice": (b'{"v":1,"v":1}', 400, "twice"),
    "white space": (GOOD + b"\n", 400, "not canonical"),
    "cut off": (GOOD[:-1], 400, "not JSON"),
    "too large": (lambda: b"x" * (MAX_SUBMISSION + 1), 413, "larger than"),
    "another version": (edited(GOOD, v=2), 400, "upgrade needed"),
    "an unknown field": (edited(GOOD, extra=1), 400, "unknown field 'extra'"),
    "no signatures field": (b'{"record":"{}","seal":null,"v":1}', 400, "v is missing"),
    "a record that is no record": (edited(GOOD, record="{}"), 400, "v is missing"),
    "a record of an unknown type": (edited(GOOD, record=make.text("gossip")), 400, "unknown type 'gossip'"),
    "a record too large": (edited(GOOD, record=make.text("x" * 41_000)), 400, "larger than 40960"),
    "a record of another log": (released(origin="other.example"), 400, "for other.example"),
    "signatures out of order": (edited(GOOD, signatures=json.loads(GOOD)["signatures"] * 2), 400, "not sorted"),
    "a signature by no key": (edited(GOOD, signatures=[{"key": "AAAA", "sig": "AAAA"}]), 400, "SubjectPublicKeyInfo"),
    "a keyless signature": (edited(GOOD, signatures=[{"bundle": {}}]), 400, "not in force"),
    "a signature over another record": (wrong_signature, 400, "does not verify"),
    "no signature": (edited(GOOD, signatures=[]), 403, "signed by 0 keys"),
    "signed by a stranger": (make.submission(make.release(SEAL, CI), [EVE], SEAL), 403, "a release, by its signer"),
    "signed by one too many": (make.submission(make.release(SEAL, CI), [CI, EVE], SEAL), 403, "signed by 2 keys"),
    "a signer that is not entitled": (make.sealed(EVE, REPO, 2), 403, "may not seal"),
    "a controller that is no signer": (make.sealed(ANA, REPO, 2), 403, "may not seal"),
    "a repo outside the scope": (make.sealed(CI, "hf://datasets/acme-lab/x", 2), 403, "no scope covers it"),
    "a namespace that nobody approved": (make.sealed(CI, "hf://nobody/x", 2), 403, "hf://nobody is not an approved"),
    "a namespace in another spelling": (make.sealed(CI, "hf://Acme-Lab/x", 2), 403, "spelled hf://acme-lab"),
    "a release without its seal": (released(seal=None), 400, "comes with its seal"),
    "the seal of another revision": (released(seal=make.seal(CI, REPO, make.revision(9))), 400, "not the one"),
    "a seal by another key": (released(seal=BY_EVE), 400, "its hint is not the one"),
    "a seal that is no JSON": (released(seal="hello"), 400, "seal: not JSON"),
    "a record that says more files": (released(files=3), 400, "number of files"),
    "a record with another fileset": (released(fileset="ab" * 32), 400, "fileset"),
    "a record without its weights": (released(weights=[]), 400, "weights"),
    "another seal at a sealed revision": (
        make.sealed(CI, REPO, 1, [make.file("other.bin")]), 409, "is sealed already: leaf 4",
    ),
    "a release that replaces nothing": (
        make.submission(make.release(SEAL, CI, replaces="ab" * 32), [CI, ANA, BEN], SEAL), 409, "never sealed",
    ),
    "a seal with a revocation": (
        edited(make.submission(make.revocation(NS, fileset="ab" * 32), [ANA, BEN]), seal=SEAL), 400, "only a release",
    ),
    "a revocation by a stranger": (
        make.submission(make.revocation(NS, fileset="ab" * 32), [EVE]), 403, "does not count here",
    ),
    "a revocation of everything by a signer": (
        make.submission(make.revocation(NS, fileset="ab" * 32), [CI]), 403, "does not count here",
    ),
    "a revocation of nothing": (unread(make.revocation(NS)), 400, "exactly one of"),
    "a roots record": (
        make.submission(encode_roots(ORIGIN, 6, b"r" * 32, b"f" * 32), []), 403, "made by the log itself",
    ),
    "other operators": (make.submission(make.operators([EVE]), []), 409, "version 1 of the operators; the next"),
    "operators with other rules": (
        unread(make.operators([EVE], seq=2, prev="ab" * 32, rules=2)), 400, "only 1 is in force",
    ),
    "a withdrawal of nothing": (unread(make.text("withdrawal", turn=2)), 400, "repo is missing"),
    "a withdrawal by a stranger": (
        make.submission(make.withdrawal(REPO, make.revision(1)), [EVE]), 403, "does not count here",
    ),
    "an observation by a stranger": (
        make.submission(make.observation(REPO, make.revision(1), EVE), [EVE]), 403, "no observer of this log",
    ),
    "an observation of a list of hashes": (
        unread(make.observation(REPO, make.revision(1), EVE, basis="hash-list")), 400, "has not the form",
    ),
    "an identity by a stranger": (make.submission(make.identity(FIRST, [ANA, BEN]), [EVE]), 403, "does not count here"),
    "an identity by nobody": (make.submission(make.identity(FIRST, [ANA, BEN]), []), 403, "signed by 0 of 1 operators"),
    "an identity whose claim one controller lacks": (
        make.submission(make.identity(FIRST, [ANA]), [OPS]), 403, "signed by 1 of 2 controllers",
    ),
    "an identity on the web's word without evidence": (
        make.submission(make.identity(FIRST, [ANA, BEN], basis="web"), [OPS]), 403, "needs evidence",
    ),
    "an identity out of turn": (make.submission(make.identity(FIRST, [ANA, BEN], turn=2), [OPS]), 409, "the next is 1"),
    "a claim by nobody": (make.submission(FIRST, []), 403, "signed by 0 of 2 controllers"),
    "a claim by a stranger": (make.submission(FIRST, [EVE]), 403, "does not count here"),
    "a second first claim": (
        make.submission(make.claim(NS, [EVE], [(EVE, f"{NS}/*")]), [EVE]), 409, "record 1 of the owner's chain",
    ),
    "a claim of scopes elsewhere": (
        make.submission(make.claim("hf://eve", [EVE], [(EVE, f"{NS}/*")]), [EVE]), 403, "is outside hf://eve",
    ),
    "a later claim without a first": (
        make.submission(make.claim("hf://eve", seq=2, prev="ab" * 32), [EVE]), 409, "no predecessor",
    ),
    "a later claim that does not continue the chain": (
        make.submission(make.claim(NS, seq=2, prev="ab" * 32), [ANA]), 409, "the next is 2",
    ),
    "keys below the threshold": (
        make.submission(make.keys(NS, make.key_set([ANA, BEN], [], 2), seq=2, prev="ab" * 32), [ANA]), 409, "next is 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_submissions_are_answered_with_a_reason_and_leave_everything_as_it_was(shared: House, name: str) -> None:
    posted, status, words = BAD[name]
    before = contents(shared)
    answered, body = shared.post(posted if isinstance(posted, bytes) else posted())
    assert (answered, list(body)) == (status, ["error"])
    assert words in body["error"]
    assert contents(shared) == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255), st.booleans())
def test_any_changed_byte_and_any_cut_is_refused(shared: House, at: int, flip: int, cut: bool) -> None:
    data = GOOD[:at] if cut else GOOD[:at] + bytes([GOOD[at] ^ flip]) + GOOD[at + 1 :]
    before = shared.head()
    status, body = shared.post(data)
    assert 400 <= status < 500 and body["error"]
    assert shared.head() == before


# What is logged


def test_a_release_is_answered_with_its_leaf_and_a_proof_under_the_published_checkpoint(house: House) -> None:
    status, answer = house.post(GOOD)
    assert status == 200
    index, proof, text = checkpoint.parse_proof(answer["proof"])
    assert index == answer["index"] == 4
    assert text == (house.public / "checkpoint").read_text()
    head = Checkpoint.parse(Note.parse(text).text)
    merkle.check_inclusion(merkle.leaf_hash(answer["leaf"].encode()), index, head.size, proof, head.root)
    assert Leaf.parse(answer["leaf"]).text == json.loads(GOOD)["record"]


def test_what_is_logged_already_is_answered_with_the_first_leaf_whatever_comes_with_it(house: House) -> None:
    first = house.post(GOOD)
    size = house.head().size
    for again in (GOOD, edited(GOOD, signatures=[]), edited(GOOD, seal=None)):
        status, answer = house.post(again)
        assert (status, answer["index"], answer["leaf"]) == (200, 4, first[1]["leaf"])
    assert house.head().size == size


def test_each_kind_of_record_in_force_is_admitted_from_those_who_may(house: House) -> None:
    claim = make.claim(NS, [ANA, BEN], [(CI, f"{NS}/*")], threshold=2)
    house.logged(GOOD)
    new = make.key_set([ANA, BEN], [(CI, f"{NS}/*"), (EVE, f"{NS}/small")], 2)
    keys = make.keys(NS, new, seq=2, prev=make.digest(claim))
    house.logged(make.submission(keys, [ANA, BEN]))
    house.logged(make.sealed(EVE, f"{NS}/small", 1))
    payload = Bundle.parse(SEAL).payload
    seal = hashlib.sha256(payload).hexdigest()
    house.logged(make.submission(make.revocation(NS, repo=REPO, seal=seal), [CI]))
    house.logged(make.submission(make.revocation(NS, fileset="ab" * 32), [ANA, BEN]))
    later = make.claim(NS, seq=3, prev=make.digest(keys), title="Acme Laboratories")
    house.logged(make.submission(make.identity(later, [ANA, BEN], turn=2), [OPS]))
    house.logged(make.submission(make.identity(later, [], turn=3, resembles=["hf://acme"]), [OPS]))
    house.check()


def test_a_release_that_was_refused_may_come_again_when_it_is_allowed(house: House) -> None:
    posted = make.sealed(CI, "hf://later/x", 1)
    assert house.post(posted)[0] == 403
    house.adopt("hf://later", [ANA], [(CI, "hf://later/*")])
    assert house.post(posted)[0] == 200


def test_without_a_sequencer_the_answer_says_what_it_waits_for_and_the_record_is_not_lost(house: House) -> None:
    front = Registry(house.store, ORIGIN, house.public, clock=lambda: NOW, wait_s=0.05)
    assert front.submit(GOOD) == (202, {"waits_for": "the next checkpoint"})
    assert front.submit(GOOD) == (202, {"waits_for": "the next checkpoint"})
    assert house.sequencer.batch()  # committed, not published: still no proof
    assert front.submit(GOOD) == (202, {"waits_for": "the next checkpoint"})
    house.sequencer.publish()
    assert front.submit(GOOD)[0] == 200


def test_a_front_end_sees_what_others_logged_since_it_last_looked(house: House) -> None:
    front = Registry(house.store, ORIGIN, house.public, clock=lambda: NOW, wait_s=0, wake=house.run)
    assert front.submit(GOOD)[0] == 200
    house.logged(make.sealed(CI, REPO, 3))
    status, body = front.submit(make.sealed(CI, REPO, 3, [make.file("other.bin")]))
    assert (status, body["error"].split(":")[0]) == (409, "hf")
    claim = make.claim(NS, [ANA, BEN], [(CI, f"{NS}/*")], threshold=2)
    without = make.keys(NS, make.key_set([ANA, BEN], [], 2), seq=2, prev=make.digest(claim))
    house.logged(make.submission(without, [ANA, BEN]))
    assert front.submit(make.sealed(CI, REPO, 4))[0] == 403


def test_a_checkpoint_that_is_published_while_an_answer_is_looked_for_is_no_fault(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_another(public: Path) -> object:
        monkeypatch.setattr(service, "read_published", read_published)
        house.logged(make.sealed(CI, REPO, 3))
        return read_published(public)

    monkeypatch.setattr(service, "read_published", after_another)
    assert house.post(GOOD) == (202, {"waits_for": "the next checkpoint"})  # this house waits no second
    assert house.post(GOOD)[0] == 200


def test_when_too_many_wait_the_next_is_asked_to_come_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_WAITING", 1)
    front = Registry(house.store, ORIGIN, house.public, clock=lambda: NOW, wait_s=0)
    assert front.submit(make.sealed(CI, REPO, 1))[0] == 202
    assert front.submit(make.sealed(CI, REPO, 2)) == (503, {"error": "1 submissions wait already; try again"})


def test_a_database_that_cannot_be_read_is_a_503(house: House) -> None:
    with house.store.write() as tx:
        tx._db.exec_driver_sql("DROP TABLE buckets")
    status, body = house.post(GOOD)
    assert status == 503
    assert "no such table" in body["error"]


def test_damage_of_our_own_is_no_fault_of_what_is_posted(house: House) -> None:
    house.logged(GOOD)
    (house.public / "checkpoint").write_text("hello")
    status, body = house.post(GOOD)
    assert (status, "static files" in body["error"]) == (503, True)
    with house.store.write() as tx:
        tx._db.exec_driver_sql("UPDATE leaves SET leaf = CAST('{}' AS BLOB)")
    status, body = house.post(make.sealed(CI, REPO, 3))
    assert (status, "database: leaf" in body["error"]) == (503, True)


def test_many_threads_submit_at_once_and_each_is_answered_for_its_own(house: House) -> None:
    front = Registry(house.store, ORIGIN, house.public, clock=lambda: NOW, wait_s=30)
    answers: dict[int, int] = {}

    def submit(number: int) -> None:
        answers[number] = front.submit(make.sealed(CI, f"{NS}/repo-{number}", number))[0]

    threads = [threading.Thread(target=submit, args=(n,)) for n in range(12)]
    stop = threading.Event()
    sequencer = house.another()
    sequencer.start()
    runner = threading.Thread(target=sequencer.run, args=(stop,))
    runner.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    runner.join()
    assert answers == dict.fromkeys(range(12), 200)
    house.check()


# Claims


def test_a_claim_gathers_its_controllers_signatures_and_waits_for_the_operators(house: House) -> None:
    size = house.head().size
    one_of_two = {"waits_for": "controllers' signatures: signed by 1 of 2 controllers; approval by the operators"}
    assert house.post(make.submission(FIRST, [ANA])) == (202, one_of_two)
    assert house.post(make.submission(FIRST, [ANA])) == (202, one_of_two)
    assert house.post(make.submission(FIRST, [BEN])) == (202, {"waits_for": "approval by the operators"})
    assert house.post(make.submission(FIRST, [ANA])) == (202, {"waits_for": "approval by the operators"})
    assert house.head().size == size
    with house.store.read() as tx:
        (stored,) = tx.claims()
    assert (stored.namespace, stored.state) == ("hf://newcomer", "waiting")
    merged = Submission.parse(stored.submission)
    identity = make.text(
        "identity", turn=1, claim=merged.text, resembles=[], evidence=[], basis="operators-word",
        claim_signatures=[entry.value() for entry in merged.signatures],
    )  # fmt: skip
    index = house.logged(make.submission(identity, [OPS]))
    with house.store.read() as tx:
        assert [claim.state for claim in tx.claims()] == ["approved"]
    status, answer = house.post(make.submission(FIRST, [ANA]))
    assert (status, answer["index"]) == (200, index)
    house.check()


def test_two_claims_for_one_name_wait_side_by_side(house: House) -> None:
    rival = make.claim("hf://Newcomer", [EVE], [(EVE, "hf://newcomer/*")])
    house.post(make.submission(FIRST, [ANA, BEN]))
    assert house.post(make.submission(rival, [EVE]))[0] == 202
    with house.store.read() as tx:
        assert len(tx.find_claims("hf://newcomer", "")) == 2


def test_a_refused_claim_says_why_and_stays_refused(house: House) -> None:
    house.post(make.submission(FIRST, [ANA, BEN]))
    with house.store.write() as tx:
        tx.settle_claim(records.digest(FIRST), "refused", "not the owner")
    status, body = house.post(make.submission(FIRST, [ANA, BEN]))
    assert status == 403
    assert "refused by the operators: not the owner" in body["error"]


def test_a_later_claim_is_signed_by_the_controllers_in_force(house: House) -> None:
    first = make.claim(NS, [ANA, BEN], [(CI, f"{NS}/*")], threshold=2)
    later = make.claim(NS, seq=2, prev=make.digest(first), title="Acme Laboratories")
    assert house.post(make.submission(later, [EVE]))[0] == 403
    assert "1 of 2" in house.post(make.submission(later, [ANA]))[1]["waits_for"]
    assert house.post(make.submission(later, [BEN])) == (202, {"waits_for": "approval by the operators"})


def test_waiting_claims_are_bounded_and_old_ones_dropped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_CLAIMS", 2)

    def claimed(number: int) -> int:
        text = make.claim("hf://newcomer", [ANA], [], title=f"Number {number}")
        return house.post(make.submission(text, [ANA]))[0]

    assert [claimed(n) for n in (1, 2, 3)] == [202, 202, 429]
    assert claimed(2) == 202
    house.now += service.CLAIM_S + 1
    assert claimed(3) == 202
    with house.store.read() as tx:
        assert len(tx.claims()) == 1
