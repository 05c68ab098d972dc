"""Claims as operators see them: what needs eyes, what is ready, what evidence counts, and what is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelseal.errors import Conflict, Error, Refused
from modelseal.formats import findings
from modelseal.formats.findings import DNS, HTTPS, HUB
from modelseal.formats.leaves import Submission
from modelseal.formats.records import Identity
from modelseal_registry import claims, config, looker
from modelseal_registry.claims import Desk, Waiting
from modelseal_registry.config import Place
from modelseal_registry.fetch.ask import FOUND, MISSING, UNAVAILABLE, Seen
from modelseal_registry.store import StoredClaim, Tx
from tests.support import make
from tests.support.domain import claim_file
from tests.support.registry import OPS, House

ANA, BEN, CI = make.key("ana"), make.key("ben"), make.key("ci")
URL = "https://huggingface.co/spaces/x/README/resolve/main/modelseal.json"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    yield found
    found.check()
    found.store.close()


def claim(house: House, name: str, by: tuple[make.Private, ...] = (ANA,), **changed: Any) -> str:
    """Send a claim of NAME and return its digest."""
    fields = {"title": name.title(), "domain": None, **changed}
    text = make.claim(f"hf://{name}", [ANA], [(CI, f"hf://{name}/*")], **fields)
    status, answer = house.post(make.submission(text, by))
    assert status == 202, answer
    return make.digest(text)


def see(house: House, digest: str, kind: str = HUB, **changed: Any) -> None:
    """Let a place of the claim have been looked at: the claim stands there, unless *changed* says otherwise."""
    fields: dict[str, Any] = {"state": FOUND, "says": "", "url": URL, "body": claim_file(digest), "status": 200}
    fields |= {"commit": make.revision(1), "owner_id": "64f0"} if kind == HUB else {}
    fields |= {"status": None, "url": "dns:x?type=TXT"} if kind == DNS else {}
    house.now += 1
    with house.store.write() as tx:
        known = tx.findings.looks(bytes.fromhex(digest)).get(kind)
        seen = Seen(**{**fields, **changed})
        looker.keep_seen(tx, bytes.fromhex(digest), kind, seen, known, int(house.now))


def desk(house: House) -> Desk:
    return Desk(house.store, make.ORIGIN, looks=True)


def look(house: House, digest: str) -> Waiting:
    name = next(one.name for one in desk(house).look() if one.stored.digest.hex() == digest)
    return desk(house).find(name)


def admit(house: House, digest: str, *resembles: str, web: bool = True) -> Identity:
    """Approve a claim with the operators' key."""
    found = look(house, digest)
    draft = desk(house).make_identity(found, resembles, found.evidence.digests if web else ())
    house.logged(make.submission(draft.text, [OPS]))
    with house.store.write() as tx:
        tx.settle_claim(bytes.fromhex(digest), "approved")
    assert isinstance(draft.record, Identity)
    return draft.record


def blobs(house: House) -> set[str]:
    return {path for path in house.files() if path.startswith("blob/")}


# states


def test_what_needs_eyes_comes_first_then_what_is_ready_then_what_waits_by_age(house: House) -> None:
    admit(house, claim(house, "openai", title="OpenAI"), web=False)
    for name in ("late", "alike", "ready", "early"):
        house.now += 10
        digest = claim(house, "0penai" if name == "alike" else name)
        if name == "ready":
            see(house, digest)
    found = desk(house).look()
    names = [(one.claim.namespace.removeprefix("hf://"), one.state) for one in found]
    assert names == [("0penai", "look"), ("ready", "ready"), ("late", "waiting"), ("early", "waiting")]
    for state in ("look", "ready", "waiting"):
        assert {one.state for one in desk(house).look(state)} == {state}


def test_a_claim_is_ready_with_signatures_and_all_evidence(house: House) -> None:
    digest = claim(house, "acme-lab", domain="acme.example")
    lacks = look(house, digest).evidence.missing
    assert len(lacks(look(house, digest).claim)) == 2
    see(house, digest)
    assert look(house, digest).state == "waiting"
    assert lacks(look(house, digest).claim)[1].startswith("https://acme.example/.well-known/modelseal.json or a TXT")
    see(house, digest, HTTPS, state=MISSING, says="status 404")
    assert look(house, digest).state == "waiting"
    see(house, digest, DNS, body=b"claim=sha256:" + digest.encode() + b"\n")
    found = look(house, digest)
    assert (found.state, found.evidence.domain.url) == ("ready", "dns:x?type=TXT")
    assert len(found.evidence.digests) == 2


def test_without_signatures_evidence_makes_nothing_ready(house: House) -> None:
    text = make.claim("hf://duo", [ANA, BEN], [(CI, "hf://duo/*")], threshold=2, domain=None, title="Duo")
    house.post(make.submission(text, [ANA]))
    digest = make.digest(text)
    see(house, digest)
    found = look(house, digest)
    assert (found.state, found.signed) == ("waiting", 1)
    with pytest.raises(Refused, match="signed by 1 of 2 controllers"):
        desk(house).make_identity(found, (), found.evidence.digests)


def test_a_registry_that_looks_for_nothing_calls_signed_claims_ready(house: House) -> None:
    claim(house, "acme-lab")
    assert [one.state for one in Desk(house.store, make.ORIGIN, looks=False).look()] == ["ready"]


OTHERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "another claim": ({"body": claim_file("ab" * 32)}, "other", "it names another claim: sha256:abababababab"),
    "no claim file": ({"body": b"<html>"}, "other", "something else stands there"),
    "nothing": ({"state": MISSING, "says": "status 404"}, "missing", "status 404"),
    "no answer": ({"state": UNAVAILABLE, "says": "no answer"}, "no answer", "no answer"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_does_not_name_the_claim_is_no_evidence(house: House, name: str) -> None:
    changed, word, says = OTHERS[name]
    digest = claim(house, "acme-lab")
    see(house, digest, **changed)
    hub = look(house, digest).evidence.hub
    assert (hub.word, hub.digest, says in hub.says) == (word, None, True)
    assert says in look(house, digest).evidence.missing(look(house, digest).claim)[0]


def test_evidence_that_was_there_and_is_not_any_more_is_looked_at(house: House) -> None:
    digest = claim(house, "acme-lab")
    see(house, digest)
    see(house, digest, state=UNAVAILABLE, says="no answer")
    assert look(house, digest).state == "waiting"  # nobody's fault, and no alarm
    see(house, digest, state=MISSING, says="status 404")
    assert look(house, digest).reasons == ("the Hub file is gone",)
    see(house, digest, body=claim_file("ab" * 32))
    assert look(house, digest).reasons == ("the Hub file is changed",)
    see(house, digest)
    assert look(house, digest).state == "ready"


def test_evidence_gone_or_changed_after_approval_is_shown(house: House) -> None:
    digest = claim(house, "acme-lab")
    see(house, digest)
    admit(house, digest)
    assert desk(house).look() == []
    see(house, digest, state=MISSING, says="status 404")
    found = look(house, digest)
    assert (found.state, found.stored.state, found.in_force) == ("look", "approved", True)
    see(house, digest, owner_id="dead")
    assert look(house, digest).reasons == ("another Hub owner than before: dead, not 64f0",)


# owners


def test_a_hub_name_that_was_registered_again_is_shown(house: House) -> None:
    digest = claim(house, "acme-lab")
    see(house, digest)
    admit(house, digest)
    later = claim(house, "acme-lab", title="Acme Works", seq=2, prev=digest)
    see(house, later, owner_id="bad0")
    found = look(house, later)
    assert (found.state, found.reasons) == ("look", ("another Hub owner than before: bad0, not 64f0",))


def test_a_claim_that_names_another_owner_than_the_hub_is_shown(house: House) -> None:
    digest = claim(house, "acme-lab", hub_owner_id="aaaa")
    see(house, digest)
    assert look(house, digest).reasons == ("the Hub's owner is 64f0, the claim says aaaa",)


def test_one_hub_owner_with_two_namespaces_is_shown(house: House) -> None:
    first = claim(house, "acme-lab", hub_owner_id="64f0")
    see(house, first)
    admit(house, first)
    second = claim(house, "other")
    see(house, second)
    assert look(house, second).reasons == ("the same Hub owner as acme-lab",)


# resemblance


def test_whom_a_claim_reads_as_by_name_title_or_family(house: House) -> None:
    admit(
        house, claim(house, "openai", title="OpenAI", families=["GPT"], accounts=["hf://openai-community"]), web=False
    )
    cases: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("0penai", {}, "its name 0penai reads as openai"),
        ("someone", {"title": "0penAI"}, "its title 0penAI reads as openai"),
        ("another", {"families": ["G P T"]}, "its family G P T reads as the family GPT of openai"),
    )
    for name, changed, says in cases:
        found = look(house, claim(house, name, **changed))
        assert (found.state, found.reasons) == ("look", (says,))
    own = look(house, claim(house, "openai-community", title="Open AI"))
    assert own.state == "waiting"  # the owner itself calls it an account of its own


def test_names_of_the_watch_list_are_known_names(house: House) -> None:
    text = make.text("watchlist", seq=1, prev=None, add=["hf://mistralai"], remove=[])
    house.logged(make.submission(text, [OPS]))
    found = look(house, claim(house, "rnistral-ai"))
    assert [one.namespace for one in found.alike] == ["hf://mistralai"]
    assert desk(house).known().owner("hf://mistralai") is None
    assert look(house, claim(house, "mistralai")).alike == ()  # the one that is imitated may claim its name


def test_a_later_claim_does_not_wash_off_whom_the_namespace_resembles(house: House) -> None:
    admit(house, claim(house, "openai"), web=False)
    digest = claim(house, "0penai")
    assert admit(house, digest, "hf://openai", web=False).resembles == ("hf://openai",)
    later = look(house, claim(house, "0penai", title="Open Models", seq=2, prev=digest))
    assert later.owner is not None and later.owner.identity.resembles == ("hf://openai",)


# what is approved


def test_a_second_claim_between_look_and_approval_changes_nothing(house: House) -> None:
    mine = claim(house, "acme-lab")
    see(house, mine)
    looked = look(house, mine)
    text = make.claim("hf://acme-lab", [BEN], [(BEN, "hf://acme-lab/*")], title="Acme Lab", domain=None)
    assert house.post(make.submission(text, [BEN]))[0] == 202
    theirs = make.digest(text)
    assert desk(house).others(looked) == [f"acme-lab@{theirs[:12]}"]
    assert admit(house, mine).claim_text == Submission.parse(looked.stored.submission).text
    owner = desk(house).known().owner("hf://acme-lab")
    assert owner is not None and owner.key_set.controllers == (ANA.key,)
    other = desk(house).find(f"acme-lab@{theirs[:12]}")
    with pytest.raises(Refused, match="signed by 0 of 1 controllers"):  # which are Ana's now
        desk(house).make_identity(other, (), ())


def test_evidence_that_is_not_kept_or_names_another_claim_admits_nobody(house: House) -> None:
    digest, other = claim(house, "acme-lab"), claim(house, "other")
    see(house, other)
    found = look(house, digest)
    for wrong, words in ((b"\x00" * 32, "is not kept"), (look(house, other).evidence.digests[0], "does not name this")):
        draft = desk(house).make_identity(found, (), (wrong,))
        status, answer = house.post(make.submission(draft.text, [OPS]))
        assert status == 403 and words in str(answer), answer


def test_the_sequencer_asks_again_whether_the_evidence_is_there(house: House) -> None:
    draft = desk(house).make_identity(look(house, claim(house, "acme-lab")), (), (b"\x00" * 32,))
    signed = Submission.parse(make.submission(draft.text, [OPS]))
    with house.store.write() as tx:
        tx.add_pending(signed.digest, signed.encode(), None, int(house.now))
    house.run()
    with house.store.read() as tx:
        refusal = tx.refusal(signed.digest)
    assert refusal is not None and refusal[0] == 403 and "is not kept" in refusal[1]


def test_evidence_is_served_once_an_identity_names_it_and_checked_with_everything(house: House) -> None:
    digest = claim(house, "acme-lab")
    see(house, digest)
    assert blobs(house) == set()
    identity = admit(house, digest)
    assert blobs(house) == {f"blob/{one.hex()}" for one in identity.evidence}
    (path,) = blobs(house)
    data = (house.public / path).read_bytes()
    assert findings.digest(data) == identity.evidence[0]
    assert findings.Finding.parse(data).claims() == (bytes.fromhex(digest),)
    (house.public / path).unlink()
    with pytest.raises(Exception, match=rf"{path}: missing"):
        house.check()
    (house.public / path).write_bytes(data + b" ")
    with pytest.raises(Exception, match="not the bytes"):
        house.check()
    (house.public / path).write_bytes(data)


def test_the_same_claim_is_judged_again_only_for_a_reason(house: House) -> None:
    digest = claim(house, "acme-lab")
    see(house, digest)
    admit(house, digest)
    found = desk(house).find(f"acme-lab@{digest}")
    with pytest.raises(Conflict, match="approved already, and nothing about it is new"):
        desk(house).make_identity(found, (), found.evidence.digests)
    again = desk(house).make_identity(found, ("hf://openai",), ())
    identity = again.record
    assert isinstance(identity, Identity)
    assert (identity.turn, identity.claim_signatures, identity.basis) == (2, (), "operators-word")
    house.logged(make.submission(again.text, [OPS]))
    desk(house).refuse(look(house, claim(house, "closed")), "no")
    (closed,) = [one for one in _all(house) if one.claim.namespace == "hf://closed"]
    with pytest.raises(Conflict, match="refused already"):
        claims.check_open(closed)


def _all(house: House) -> list[Waiting]:
    with house.store.read() as tx:
        stored = tx.claims()
    return [desk(house).find(f"{one.namespace.removeprefix('hf://')}@{one.digest.hex()}") for one in stored]


# what is kept, and looked at when


def test_what_nobody_names_any_more_is_dropped_and_drafts_are_kept(house: House) -> None:
    digest = claim(house, "acme-lab")
    see(house, digest)
    (first,) = look(house, digest).evidence.digests
    see(house, digest, body=claim_file(digest, "ab" * 32))  # the owner's next claim stands there too
    (second,) = look(house, digest).evidence.digests
    assert first != second

    def kept() -> list[bool]:
        with house.store.write() as tx:
            tx.findings.drop_unused(int(house.now) - looker.DRAFT_S)
            return [tx.findings.blob(one) is not None for one in (first, second)]

    with house.store.write() as tx:
        tx.findings.set_drafted(first, int(house.now))
    assert kept() == [True, True]
    house.now += looker.DRAFT_S + 1
    assert kept() == [False, True]
    claim(house, "another")  # a month has passed: the first claim is dropped
    assert kept() == [False, False]


def test_the_same_thing_seen_again_is_no_new_finding(house: House) -> None:
    digest = claim(house, "acme-lab")
    see(house, digest)
    first = look(house, digest).evidence
    see(house, digest, commit=make.revision(2))
    again = look(house, digest).evidence
    assert (again.digests == first.digests, again.hub.looked == first.hub.looked) == (True, False)


def due(house: House) -> str | None:
    def find(tx: Tx) -> str | None:
        found = tx.due_claim(int(house.now))
        return found.namespace if found else None

    with house.store.read() as tx:
        return find(tx)


def test_claims_are_looked_at_when_they_come_and_again_when_they_are_sent_again(house: House) -> None:
    digest = claim(house, "acme-lab")
    assert due(house) == "hf://acme-lab"
    with house.store.write() as tx:
        tx.set_due(bytes.fromhex(digest), int(house.now) + 3600)
    assert due(house) is None
    claim(house, "acme-lab")
    assert due(house) is None
    house.now += 20
    assert due(house) == "hf://acme-lab"
    desk(house).refuse(look(house, digest), "no")
    assert due(house) is None


def test_a_claim_that_waits_is_looked_at_ever_less_and_what_is_in_force_daily(house: House) -> None:
    digest = claim(house, "acme-lab")
    with house.store.read() as tx:
        (stored,) = tx.claims()
    ages = [looker.interval(stored, stored.received + age) for age in (0, 100, 3600, 86_400, 20 * 86_400)]
    assert ages == [60, 60, 900, 21_600, 21_600]
    see(house, digest)
    admit(house, digest)
    with house.store.read() as tx:
        (stored,) = tx.claims()
        assert claims.in_force(tx, stored, origin=make.ORIGIN)
    assert looker.interval(stored, stored.received) == 86_400
    admit_again = desk(house).make_identity(desk(house).find(f"acme-lab@{digest}"), (), ())
    house.logged(make.submission(admit_again.text, [OPS]))
    with house.store.read() as tx:
        (stored,) = tx.claims()
        assert not claims.in_force(tx, stored, origin=make.ORIGIN)  # it does not rest on the web any more


def test_what_goes_wrong_with_one_claim_is_told_and_the_next_is_looked_at(house: House, tmp_path: Path) -> None:
    settings = replace(config.defaults(Place(tmp_path), "127.0.0.1:1"), hub="http://127.0.0.1:9")
    first, second = claim(house, "first"), claim(house, "second")
    with house.store.write() as tx:
        tx.settle_claim(bytes.fromhex(first), "approved")
        tx.set_due(bytes.fromhex(first), 0)
    stop = threading.Event()
    told: list[str] = []

    def broken(tx: Tx, stored: StoredClaim) -> bool:
        raise ZeroDivisionError("a bug")

    def tell(error: Error) -> None:
        told.append(str(error))
        stop.set()

    one = looker.Looker(settings, house.store, broken)
    one.run(stop, tell)
    assert told == ["looking for evidence: ZeroDivisionError: a bug"]
    assert one.step(int(house.now)) and not one.step(int(house.now))
    with house.store.read() as tx:
        (seen,) = tx.findings.looks(bytes.fromhex(second)).values()
    assert (seen.kind, seen.state, seen.blob) == (HUB, UNAVAILABLE, None)
