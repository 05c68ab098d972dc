"""Records below their threshold: signatures come together, none can be taken away, and strangers leave nothing here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelseal import keys
from modelseal.formats import envelope, paths, tiles
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.envelope import Bundle
from modelseal.formats.leaves import Leaf, Submission
from modelseal.formats.note import Note
from modelseal.formats.records import parse_record
from modelseal_registry import drafts
from tests.support import make
from tests.support.registry import House
from tests.support.servers import RegistryProcess, operate, running

UNA, VIC, WIM = make.key("una"), make.key("vic"), make.key("wim", "ed25519")
ANA, BEN, CI, EVE = make.key("ana"), make.key("ben"), make.key("ci"), make.key("eve")
NS, REPO = "hf://acme-lab", "hf://acme-lab/atlas-7b"
DAY = 86_400
NEW = make.key_set([EVE], [(EVE, f"{NS}/*")])


def act(kind: str, turn: int, **fields: Any) -> str:
    return make.text(kind, turn=turn, namespace=NS, **fields)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Una, Vic and Wim run it, two of them decide; Ana and Ben own acme-lab together, CI seals."""
    house = House(tmp_path, (UNA, VIC, WIM), 2)
    claim = make.claim(NS, [ANA, BEN], [(CI, f"{NS}/*")], threshold=2)
    house.logged(make.submission(make.identity(claim, [ANA, BEN]), [UNA, VIC]))
    return house


def waiting(house: House) -> list[str]:
    with house.store.read() as tx:
        return [one.holders for one in tx.drafts.all()]


def waits(house: House, data: bytes, words: str) -> None:
    size = house.head().size
    assert house.post(data) == (202, {"waits_for": words})
    assert house.head().size == size


def refused(house: House, data: bytes, status: int, words: str) -> None:
    before = house.head(), waiting(house)
    answered, answer = house.post(data)
    assert answered == status and words in answer["error"], (answered, answer)
    assert (house.head(), waiting(house)) == before


ACTS = {
    "lift": act("lift", 3),
    "recover": act("recover", 3, key_set=make.key_set([ANA], [])),
    "retire": act("retire", 3, reason="withdrawn"),
}


@pytest.mark.parametrize("name", ACTS)
def test_one_operator_alone_cannot_lift_recover_or_retire_and_two_in_two_places_can(house: House, name: str) -> None:
    house.logged(make.submission(act("suspend", 2, reason="malicious"), [WIM]))
    waits(house, make.submission(ACTS[name], [UNA]), "signed by 1 of 2 operators")
    waits(house, make.submission(ACTS[name], [UNA]), "signed by 1 of 2 operators")  # once more is not twice
    assert waiting(house) == ["operators"]
    house.logged(make.submission(ACTS[name], [WIM]))
    assert waiting(house) == []
    house.check()


def test_a_signature_cannot_be_stripped_from_a_complete_record(house: House) -> None:
    record = act("retire", 2, reason="withdrawn")
    whole, less = make.submission(record, [UNA, VIC]), make.submission(record, [VIC])
    waits(house, less, "signed by 1 of 2 operators")
    index = house.logged(whole)
    assert house.logged(less) == index  # it is that leaf, with all its signatures
    assert house.logged(make.submission(record, [])) == index


def test_a_signature_that_is_here_stays_whoever_sends_a_copy_without_it(house: House) -> None:
    record = act("retire", 2, reason="withdrawn")
    waits(house, make.submission(record, [UNA]), "signed by 1 of 2 operators")
    waits(house, make.submission(record, []), "signed by 1 of 2 operators")
    house.logged(make.submission(record, [VIC]))


def test_an_old_draft_is_refused_whoever_signs_it(house: House) -> None:
    old = act("retire", 2, reason="withdrawn")
    waits(house, make.submission(old, [UNA]), "signed by 1 of 2 operators")
    house.logged(make.submission(act("suspend", 2, reason="malicious"), [UNA]))
    refused(house, make.submission(old, [VIC]), 409, "turn 2 of the operators' acts, the next is 3")
    refused(house, make.submission(old, [UNA, VIC, WIM]), 409, "turn 2 of the operators' acts, the next is 3")
    with house.store.read() as tx:
        listed = drafts.look(tx, house.registry._trials, int(house.now))
    assert [one.waits_for for one in listed] == [None]


def test_an_old_lift_sent_again_ends_no_later_suspension(house: House) -> None:
    house.logged(make.submission(act("suspend", 2, reason="malicious"), [UNA]))
    lift = make.submission(act("lift", 3), [UNA, VIC])
    index = house.logged(lift)
    house.logged(make.submission(act("suspend", 4, reason="malicious"), [UNA, VIC]))
    size = house.head().size
    assert house.logged(lift) == index and house.head().size == size
    status, answer = house.post(make.sealed(CI, REPO))
    assert status == 403 and "is suspended until" in answer["error"]
    refused(house, make.submission(act("lift", 4), [UNA, VIC]), 409, "turn 4 of the operators' acts, the next is 5")


def test_of_two_versions_of_the_operators_one_is_logged_and_the_other_is_old(house: House) -> None:
    first = make.digest(make.operators([UNA, VIC, WIM], 2))
    one, other = make.operators([UNA, VIC], 2, seq=2, prev=first), make.operators([UNA, EVE], 2, seq=2, prev=first)
    waits(house, make.submission(other, [UNA, EVE]), "signed by 1 of 2 operators")
    house.logged(make.submission(one, [UNA, VIC]))
    refused(house, make.submission(other, [WIM]), 409, "version 2 of the operators; the next is 3 after")
    refused(house, make.submission(other, [UNA, VIC, EVE]), 409, "version 2 of the operators; the next is 3 after")
    refused(house, make.submission(act("retire", 2, reason="withdrawn"), [WIM]), 403, "does not count here")


def test_an_old_version_of_the_watch_list_waits_for_nobody(house: House) -> None:
    old = make.text("watchlist", seq=1, prev=None, add=["hf://openai"], remove=[])
    newer = make.text("watchlist", seq=1, prev=None, add=["hf://mistral"], remove=[])
    house.logged(make.submission(newer, [UNA, VIC]))
    refused(house, make.submission(old, [UNA]), 409, "the next is 2")


def test_one_operator_suspends_once_and_within_90_days_only_two_do_it_again(house: House) -> None:
    house.logged(make.submission(act("suspend", 2, reason="malicious"), [UNA]))
    house.now += 89 * DAY
    again = act("suspend", 3, reason="malicious")
    status, answer = house.post(make.submission(again, [VIC]))
    assert status == 202
    assert answer["waits_for"].startswith("signed by 1 of 2 operators: hf://acme-lab was suspended on ")
    house.logged(make.submission(again, [WIM]))
    house.now += 91 * DAY
    house.logged(make.submission(act("suspend", 4, reason="compromised"), [VIC]))


def test_owners_come_together_too(house: House) -> None:
    claim = make.claim(NS, [ANA, BEN], [(CI, f"{NS}/*")], threshold=2)
    record = make.keys(NS, make.key_set([ANA, BEN], [], 2), seq=2, prev=make.digest(claim))
    waits(house, make.submission(record, [ANA]), "signed by 1 of 2 controllers")
    assert waiting(house) == [NS]
    house.logged(make.submission(record, [BEN]))
    revoked = make.revocation(NS, fileset="ab" * 32)
    waits(house, make.submission(revoked, [BEN]), "signed by 1 of 2 controllers")
    house.logged(make.submission(revoked, [ANA]))


def test_what_is_enough_is_logged_with_the_signatures_that_were_here_before(house: House) -> None:
    claim = make.claim("hf://trio", [ANA, BEN, CI], threshold=2)
    house.logged(make.submission(make.identity(claim, [ANA, BEN]), [UNA, VIC]))
    record = make.keys("hf://trio", make.key_set([ANA], []), seq=2, prev=make.digest(claim))
    waits(house, make.submission(record, [CI]), "signed by 1 of 2 controllers")
    index = house.logged(make.submission(record, [ANA, BEN]))
    with house.store.read() as tx:
        leaf = Leaf.parse(tx.leaf(index) or b"")
    assert len(leaf.signatures) == 3  # so the change is in force at once, and does not wait


def test_a_seal_is_replaced_by_its_signer_and_controllers_in_several_places(house: House) -> None:
    first = make.seal(CI, REPO, make.revision(1))
    house.logged(make.submission(make.release(first, CI), [CI], first))
    bundle = make.seal(CI, REPO, make.revision(1), [make.file("other.bin")])
    record = make.release(bundle, CI, replaces=hashlib.sha256(Bundle.parse(first).payload).hexdigest())
    waits(house, make.submission(record, [CI], bundle), "signed by 0 of 2 controllers")
    waits(house, make.submission(record, [ANA], bundle), "signed by 1 of 2 controllers")
    status, answer = house.post(make.submission(record, [BEN]))
    assert status == 400 and "comes with its seal" in answer["error"]
    house.logged(make.submission(record, [BEN], bundle))
    with house.store.read() as tx:
        assert len(list(tx.seals())) == 2


def test_the_operators_change_by_their_own_and_the_new_ones_signatures(house: House) -> None:
    first = make.operators([UNA, VIC, WIM], 2)
    record = make.operators([UNA, EVE], 2, seq=2, prev=make.digest(first))
    waits(house, make.submission(record, [UNA]), "signed by 1 of 2 operators")
    waits(house, make.submission(record, [VIC]), "signed by 1 of 2 new operators")
    house.logged(make.submission(record, [EVE]))
    refused(house, make.submission(make.operators([EVE]), [UNA, VIC]), 409, "version 1 of the operators; the next is 3")


STRANGERS = {
    "a change of keys by the new ones alone": (
        make.keys(NS, NEW, seq=2, prev=make.digest(make.claim(NS, [ANA, BEN], [(CI, f"{NS}/*")], threshold=2))),
        "signed by 0 of 2 controllers",
    ),
    "operators by the new ones alone": (
        make.operators([EVE], seq=2, prev=make.digest(make.operators([UNA, VIC, WIM], 2))),
        "signed by 0 of 2 operators",
    ),
    "an act": (act("retire", 2, reason="withdrawn"), "does not count here"),
    "a revocation": (make.revocation(NS, fileset="ab" * 32), "does not count here"),
    "an act upon a namespace that is not there": (
        make.text("suspend", turn=1, namespace="hf://nobody", reason="malicious"), "not an approved namespace",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGERS)
def test_what_only_strangers_signed_is_not_kept(house: House, name: str) -> None:
    record, words = STRANGERS[name]
    refused(house, make.submission(record, [EVE]), 403, words)


def test_what_no_rule_can_admit_is_not_kept_whoever_signed(house: House) -> None:
    refused(house, make.submission(act("lift", 2), [UNA]), 403, "neither suspended nor to be recovered")
    outside = make.key_set([EVE], [(EVE, "hf://other/*")])
    refused(house, make.submission(act("recover", 2, key_set=outside), [UNA]), 403, "outside hf://acme-lab")


def test_a_key_that_has_lost_its_role_spoils_nothing(house: House) -> None:
    first = make.operators([UNA, VIC, WIM], 2)
    record = act("retire", 2, reason="withdrawn")
    waits(house, make.submission(record, [WIM]), "signed by 1 of 2 operators")
    without = make.operators([UNA, VIC], 2, seq=2, prev=make.digest(first))
    house.logged(make.submission(without, [UNA, VIC]))
    waits(house, make.submission(record, [UNA]), "signed by 1 of 2 operators")
    house.logged(make.submission(record, [VIC]))


def test_a_draft_goes_after_30_days(house: House) -> None:
    waits(house, make.submission(act("retire", 2, reason="withdrawn"), [UNA]), "signed by 1 of 2 operators")
    house.now += 31 * DAY
    waits(house, make.submission(act("retire", 2, reason="superseded"), [UNA]), "signed by 1 of 2 operators")
    assert waiting(house) == ["operators"]
    waits(house, make.submission(act("retire", 2, reason="withdrawn"), [VIC]), "signed by 1 of 2 operators")


def test_there_is_room_for_so_many_and_what_waits_in_vain_makes_room(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "MAX_HERE", 2)
    for reason in ("withdrawn", "superseded"):
        waits(house, make.submission(act("retire", 2, reason=reason), [UNA]), "signed by 1 of 2 operators")
    refused(house, make.submission(act("retire", 2, reason="malicious"), [UNA]), 429, "wait for signatures")
    revoked = make.revocation(NS, fileset="ab" * 32)
    waits(house, make.submission(revoked, [ANA]), "signed by 1 of 2 controllers")  # others have room of their own
    house.logged(make.submission(act("suspend", 2, reason="malicious"), [UNA]))
    waits(house, make.submission(act("lift", 3), [UNA]), "signed by 1 of 2 operators")
    assert waiting(house) == [NS, "operators"]


# a real server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    with running(tmp_path_factory.mktemp("drafts") / "reg") as found:
        found.approve(NS, ANA, [(CI, f"{NS}/*")])
        yield found


def test_two_operators_reach_the_threshold_of_a_server_by_post_alone(server: RegistryProcess) -> None:
    trial = keys.load(str(server.folder / "keys/operator-for-trying-out.key"), None)
    own = make.Private(trial.private, trial.public)
    first = Leaf.parse(_entries(server)[0]).text
    second = make.operators([UNA, VIC], 2, seq=2, prev=make.digest(first), origin=server.origin)
    assert server.post(make.submission(second, [own])) == (202, {"waits_for": "signed by 0 of 2 new operators"})
    assert server.post(make.submission(second, [UNA])) == (202, {"waits_for": "signed by 1 of 2 new operators"})
    assert f"draft:    operators of {server.origin}, version 2: signed by 1 of 2 new operators" in _status(server)
    assert server.post(make.submission(second, [VIC]))[0] == 200

    retire = make.text("retire", turn=2, namespace=NS, reason="withdrawn", origin=server.origin)
    assert server.post(make.submission(retire, [UNA])) == (202, {"waits_for": "signed by 1 of 2 operators"})
    wrong = Submission(retire, parse_record(retire), make.entries(envelope.CLAIM, retire, [VIC]), None).encode()
    assert server.post(wrong)[0] == 400
    assert server.post(make.submission(retire, [VIC]))[0] == 200
    assert operate(server.folder, "check").out.startswith("CHECKED")


def _status(server: RegistryProcess) -> str:
    return operate(server.folder, "status").out


def _entries(server: RegistryProcess) -> list[bytes]:
    size = Checkpoint.parse(Note.parse(server.get("checkpoint")).text).size
    return tiles.parse_entries(server.get(paths.entries(0, size)), size, "entries")
