"""Who may say what: thieves, impostors and replays against the rules, as clients see them.

Each lie is logged as if the registry had let it in, and has no effect; what stands is asked through `decide`, and
through the real command what it says to people. Owners' commands against thieves are in test_owners.py.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from modelseal.errors import Malformed, Unavailable
from modelseal.formats import envelope, strict
from modelseal.formats.entries import Entry, ordered_entries
from modelseal.formats.envelope import Bundle
from modelseal.formats.records import Release
from modelseal.journeys.ask import BUDGET_S
from modelseal.keys import load
from modelseal.keytext import PublicKey
from modelseal.memory import Memory
from modelseal.state import Namespace
from modelseal.state.acts import SUSPENSION
from modelseal.state.owners import DELAY
from modelseal.times import utc
from modelseal.verdict import Decision, Word
from modelseal_registry.registry import Registry
from modelseal_registry.sequencer import LogClock, Sequencer
from tests.support import make, scene
from tests.support.make import NOW, ORIGIN, Private
from tests.support.person import Person
from tests.support.registry import SIGNER, House
from tests.support.scene import ACME, ANA, BAD, BEN, CI, EVIL, GOOD, NAME, NEWER, REPO, files_of
from tests.support.servers import RegistryProcess, running
from tests.support.world import OPS, World

DAY = 86_400
SCOPE = f"{ACME}/*"
CY, OP2, OP3 = make.key("cy"), make.key("second operator"), make.key("third operator")
ONE = make.revision(1)


class Log(World):
    """A world in which acme-lab's owners and the operators act by one word each, in the right turn."""

    def __init__(
        self,
        controllers: Sequence[Private] = (ANA,),
        threshold: int = 1,
        *,
        operators: Sequence[Private] = (OPS,),
        of_operators: int = 1,
        now: int = NOW,
    ) -> None:
        super().__init__(operators, of_operators, now=now)
        self.operators = operators
        self.first = make.claim(ACME, controllers, [(CI, SCOPE)], threshold=threshold)
        self.log(make.identity(self.first, controllers), operators)
        self.turn, self.seq, self.prev = 1, 1, make.digest(self.first)
        self.publish(REPO, 1, CI, files_of(GOOD))

    def act(self, type_: str, by: Sequence[Private] | None = None, **fields: Any) -> str:
        """The operators' next act; return its text."""
        self.turn += 1
        record = make.text(type_, namespace=ACME, turn=self.turn, **fields)
        self.log(record, self.operators if by is None else by)
        return record

    def keys(self, controllers: Sequence[Private], by: Sequence[Private], threshold: int = 1) -> str:
        """The owner's next change of keys; return its text."""
        record = self.drafted(controllers, threshold)
        self.log(record, by)
        self.seq, self.prev = self.seq + 1, make.digest(record)
        return record

    def drafted(self, controllers: Sequence[Private], threshold: int = 1) -> str:
        new = make.key_set(controllers, [(CI, SCOPE)], threshold)
        return make.keys(ACME, new, seq=self.seq + 1, prev=self.prev)

    def again(self, record: str, by: Sequence[Private] = (), entries: tuple[Entry, ...] | None = None) -> None:
        """Log a record that is logged already, as our own database never would."""
        value = strict.loads(record, "record")
        field = next(name for name in ("turn", "seq", "bundle_size", "target") if name in value)
        other = hashlib.sha256(str(self.size).encode()).hexdigest()
        value[field] = other if field == "target" else value[field] + 1000 + self.size
        if value.get("prev", "") is None:
            value["prev"] = other
        signatures = make.entries(envelope.RECORD, record, by) if entries is None else entries
        self.log_signed(record, signatures, listed_as=strict.encode(value))

    def object(self, record: str, by: Private) -> str:
        text = make.text("objection", namespace=ACME, target=make.digest(record))
        self.log(text, [by])
        return text

    def has_no_effect(self, why: str, repo: str = REPO) -> None:
        """The leaf logged last has none, and says why."""
        last = self.size - 2
        notes = [note for note in self.decision(repo).notes if note.startswith(f"leaf {last} (")]
        assert notes and "has no effect" in notes[0] and why in notes[0], (notes, why)

    def decision(self, repo: str = REPO, revision: str | None = None) -> Decision:
        return self.ask(repo, revision)

    @property
    def owner(self) -> Namespace:
        decision = self.decision()
        assert decision.state is not None
        found = decision.state.namespace(ACME, decision.time)
        assert found is not None
        return found

    @property
    def controllers(self) -> set[Private]:
        return {one for one in (ANA, BEN, CY, EVIL) if one.key in self.owner.key_set.controllers}


def days_ago(days: int) -> int:
    return int(time.time()) - days * DAY


# names


def test_a_namespace_cannot_rename_itself_to_openai_in_version_2(tmp_path: Path) -> None:
    """Neither the owner alone nor the operators alone: a claim counts only with both."""
    log = Log(now=days_ago(0))
    text = make.claim(ACME, seq=2, prev=log.prev, title="OpenAI", domain="openai.com")
    for claimed_by, by, why in (
        ([ANA], [ANA], "does not count here"),
        ([ANA], [], "signed by 0 of 1 operators"),
        ([], [OPS], "signed by 0 of 1 controllers"),
        ([EVIL], [OPS], "does not count here"),
    ):
        log.log(make.identity(text, claimed_by, turn=2, resembles=[f"hf://x{len(log.entries)}"]), by)
        log.has_no_effect(why)
    assert log.owner.claim.title == "Acme Lab"
    with scene.scene(tmp_path, log) as found:
        found.someone.types(*scene.VERIFY).says(0, "sealed by Acme Lab (acme.example)")
        log.log(make.identity(text, [ANA], turn=2, resembles=["hf://openai"]), [OPS])  # both, in public
        found.serve()
        found.someone.types(*scene.VERIFY).says(
            0,
            "sealed by OpenAI (openai.com)",
            "its name resembles openai, and it is not the same: the operators signed",
        )


def test_upper_and_lower_case_twins_are_one_namespace() -> None:
    log = Log()
    text = make.claim("hf://ACME-Lab", [EVIL], [(EVIL, "hf://acme-lab/*")])
    log.log(make.identity(text, [EVIL]), [OPS])
    log.has_no_effect("turn 1 of the operators' acts, the next is 2")
    log.log(make.identity(text, [EVIL], turn=2), [OPS])
    log.has_no_effect("the namespace is spelled hf://acme-lab, not hf://ACME-Lab")
    log.publish("hf://ACME-Lab/atlas-7b", 2, CI)
    log.has_no_effect("the namespace is spelled hf://acme-lab, not hf://ACME-Lab")
    assert log.controllers == {ANA} and log.ask("hf://Acme-LAB/Atlas-7B").repo == REPO


# replays


def test_an_old_draft_of_the_operators_is_not_admitted_after_another_act() -> None:
    """Whatever they drafted in this turn, before they changed their mind."""
    log = Log()
    old = [
        make.identity(log.first, [], turn=2),
        make.text("recover", turn=2, namespace=ACME, key_set=make.key_set([EVIL], [(EVIL, SCOPE)])),
        make.text("retire", turn=2, namespace=ACME, reason="malicious"),
        make.text("suspend", turn=2, namespace=ACME, reason="malicious"),
        make.text("lift", turn=2, namespace=ACME),
    ]
    log.log(make.identity(log.first, [], turn=2, resembles=["hf://openai"]), [OPS])
    for text in old:
        log.log(text, [OPS])
        log.has_no_effect("turn 2 of the operators' acts, the next is 3")
    assert log.owner.identity.resembles == ("hf://openai",)
    assert (log.owner.recovery, log.owner.retired, log.owner.suspension) == (None, None, None)


def test_an_old_draft_of_the_owner_is_not_admitted_after_another_change() -> None:
    log = Log([ANA, BEN])
    draft = log.drafted([EVIL])
    rename = make.claim(ACME, seq=2, prev=log.prev, title="Another")
    log.keys([ANA, BEN, CY], [ANA, BEN])
    log.log(draft, [ANA, BEN, EVIL])
    log.has_no_effect("record 2 of the owner's chain; the next is 3")
    log.log(make.identity(rename, [ANA], turn=2), [OPS])
    log.has_no_effect("record 2 of the owner's chain; the next is 3")
    assert log.controllers == {ANA, BEN, CY} and log.owner.claim.title == "Acme Lab"


def test_an_old_version_of_the_operators_is_not_admitted_after_another() -> None:
    log = Log()
    first = make.digest(log.entries[0][0])
    draft = make.operators([OPS, EVIL], seq=2, prev=first)
    second = make.operators([OPS, OP2], seq=2, prev=first)
    log.log(second, [OPS, OP2])
    for text, why in (
        (draft, "version 2 of the operators; the next is 3"),
        (make.operators([EVIL], seq=3, prev=first), "version 3 of the operators; the next is 3 after"),
        (log.entries[0][0], "this record is logged already"),
        (second, "this record is logged already"),
    ):
        log.again(text, [OPS, OP2, EVIL] if text != log.entries[0][0] else [])
        log.has_no_effect(why)


def test_an_old_lift_does_not_undo_a_new_suspension(tmp_path: Path) -> None:
    log = Log(now=days_ago(1))
    unused = make.text("lift", turn=3, namespace=ACME, origin=make.ORIGIN)
    log.act("suspend", reason="malicious")
    lift = log.act("lift")
    assert lift == unused and log.decision().word is None
    log.act("suspend", reason="compromised")
    log.again(lift, [OPS])
    log.has_no_effect("this record is logged already")
    with scene.scene(tmp_path, log) as found:
        log.now = int(time.time())
        found.serve()
        says = f"FAILED SUSPENDED (compromised) {NAME}: suspended on {utc(days_ago(1))[:10]}"
        found.someone.types(*scene.VERIFY).says(1, says, "until they lift it")
        found.someone.run("verify", "./atlas-7b", "--repo", f"{NAME}@{ONE}").says(1, says)


def test_a_record_of_another_origin_has_no_effect() -> None:
    """Operators and owners may hold keys at two registries: what they said at one is not said at the other."""
    log = Log([ANA])
    elsewhere = "staging.example"
    files = files_of(BAD)
    log.publish(REPO, 2, CI, files, origin=elsewhere)
    log.has_no_effect("the record is for staging.example, this log is registry.example")
    for record, by in (
        (make.text("suspend", turn=2, namespace=ACME, reason="malicious", origin=elsewhere), OPS),
        (make.text("retire", turn=2, namespace=ACME, reason="malicious", origin=elsewhere), OPS),
        (make.keys(ACME, make.key_set([EVIL], []), seq=2, prev=log.prev, origin=elsewhere), ANA),
        (make.revocation(ACME, fileset="ab" * 32, origin=elsewhere), ANA),
        (make.identity(make.claim(ACME, origin=elsewhere, seq=2, prev=log.prev), [ANA], turn=2, origin=elsewhere), OPS),
    ):
        log.log(record, [by])
        log.has_no_effect("the record is for staging.example")
    assert log.decision().word is None and log.decision().revoked.filesets == frozenset()


def test_a_revoked_release_does_not_return_with_other_signature_bytes() -> None:
    """ECDSA has many signatures for one text; neither the record nor the seal is another one by that."""
    log = Log()
    record, signatures = log.entries[-1]
    release = strict.loads(record, "release")
    log.revoke(REPO, bytes.fromhex(release["seal"]), [ANA])
    message = envelope.pae(envelope.RECORD, record.encode())
    again = Entry(CI.public.spki, _other_signature(CI, message))
    assert again.sig != signatures[0].sig
    log.again(record, entries=(again,))
    log.has_no_effect("this record is logged already")
    (seal,) = log.seals.values()
    bundle = Bundle.parse(seal)
    sig = _other_signature(CI, envelope.pae(envelope.STATEMENT, bundle.payload))
    other = Bundle(bundle.payload, sig, bundle.hint).encode()
    assert other != seal
    text = make.release(other, CI)
    assert strict.loads(text, "release")["seal"] == release["seal"] and text != record
    log.log(text, [CI])
    log.has_no_effect("is sealed already")
    for revision in (ONE, None):
        assert log.decision(revision=revision).qualifier == "REVOKED (malicious)"


def _other_signature(by: Private, message: bytes) -> bytes:
    """The same signature with s and -s exchanged, which verifies alike."""
    r, s = decode_dss_signature(by.sign(message))
    return encode_dss_signature(r, make.P256_ORDER - s)


# who signs inside a namespace


def test_a_weak_signer_squats_in_its_scope_only_and_the_owner_takes_it_back() -> None:
    log = Log()
    weak, docs = make.key("weak"), f"{ACME}/docs"
    log.seq, log.prev = 2, make.digest(text := make.keys(
        ACME, make.key_set([ANA], [(CI, SCOPE), (weak, docs)]), seq=2, prev=log.prev
    ))  # fmt: skip
    log.log(text, [ANA])
    log.publish(REPO, 2, weak, files_of(BAD))
    log.has_no_effect("no scope covers it")
    bad = log.publish(docs, 1, weak, files_of(BAD)).record
    assert isinstance(bad, Release)
    log.publish(docs, 1, CI, files_of(GOOD))
    log.has_no_effect("is sealed already", docs)  # squatted
    log.publish(docs, 1, CI, files_of(GOOD), replaces=bad.seal.hex(), also_by=[ANA])
    chosen = log.decision(docs, ONE).chosen
    assert chosen is not None and chosen.release.signer == CI.key
    assert log.verify(docs, files_of(BAD)).qualifier == "REVOKED (replaced)"


def test_a_weak_signer_replaces_nothing_not_even_its_own(tmp_path: Path) -> None:
    log = Log(now=days_ago(0))
    mine = log.decision().chosen
    assert mine is not None
    for files, also_by, why in ((BAD, (), "signed by 0 of 1 controllers"), (NEWER, (BEN,), "does not count here")):
        log.publish(REPO, 1, CI, files_of(files), replaces=mine.release.seal.hex(), also_by=also_by)
        log.has_no_effect(why)
    log.revoke(REPO, mine.release.seal, [CI])
    log.publish(REPO, 1, CI, files_of(BAD))
    log.has_no_effect("is sealed already")
    with scene.scene(tmp_path, log) as found:
        found.bad_is_never_verified()
        found.someone.types(*scene.VERIFY).says(1, "FAILED REVOKED (malicious)")


# stolen controllers


def test_one_stolen_controller_of_two_can_only_delay_once() -> None:
    """Of 2 of 2. The owners rotate it out in public; it objects, and again, and that is all."""
    log = Log([ANA, EVIL, BEN], 2)  # EVIL is the stolen one
    for record, why in (
        (log.drafted([EVIL], 1), "signed by 1 of 2 controllers"),
        (make.revocation(ACME, fileset="ab" * 32), "signed by 1 of 2 controllers"),
        (make.revocation(ACME, signer=CI.key.value()), "signed by 1 of 2 controllers"),
        (make.identity(make.claim(ACME, seq=2, prev=log.prev), [EVIL], turn=2), "signed by 1 of 2 controllers"),
    ):
        log.log(record, [OPS] if '"identity"' in record else [EVIL])
        log.has_no_effect(why)
    change = log.keys([ANA, BEN], [ANA, BEN], 2)
    due = NOW + DELAY
    assert log.owner.pending is not None and log.owner.pending.due == due
    objection = log.object(change, EVIL)
    log.again(objection, [EVIL])
    log.has_no_effect("this record is logged already")
    log.again(objection, [ANA])
    log.has_no_effect("this record is logged already")
    assert log.owner.pending.due == due + DELAY
    log.now = due + DELAY - 1
    assert EVIL in log.controllers
    log.now += 1
    assert log.controllers == {ANA, BEN}
    log.again(objection, [EVIL])
    log.has_no_effect("this record is logged already")


def test_one_stolen_key_of_a_1_of_2_changes_nothing_at_once_and_the_operators_end_it() -> None:
    """At its threshold it can begin changes again and again; the other can too, and neither is ever in force."""
    log = Log([ANA, EVIL])
    log.keys([EVIL], [EVIL])
    assert log.controllers == {ANA, EVIL}
    for _ in range(3):
        log.now += 10 * DAY
        log.keys([ANA], [ANA])
        log.now += DAY
        log.keys([EVIL], [EVIL])
    assert log.controllers == {ANA, EVIL}
    log.act("recover", key_set=make.key_set([BEN], [(CI, SCOPE)]))
    log.now += DELAY - 1
    assert log.controllers == {ANA, EVIL}
    log.now += 1
    assert log.controllers == {BEN} and log.owner.pending is None
    log.keys([EVIL], [EVIL])
    log.has_no_effect("signed by 0 of 1 controllers")


def test_a_thief_who_rotates_and_objects_neither_wins_nor_locks_the_owner_out() -> None:
    log = Log([ANA, EVIL])
    theirs = log.keys([EVIL], [EVIL])
    objection = log.object(theirs, ANA)  # the owner wins two weeks
    mine = log.keys([ANA], [ANA])  # and replaces it: a later change takes the place of one that waits
    log.again(objection, [EVIL])
    log.has_no_effect("logged already")
    log.object(mine, EVIL)
    log.publish(REPO, 2, CI)
    log.now += 2 * DELAY
    assert log.controllers == {ANA}
    assert log.decision(revision=make.revision(2)).word is None


def test_a_thief_who_logs_another_change_does_not_stop_a_recovery_that_collects_signatures() -> None:
    """The operators' turn is not in the owner's chain: neither side can outrun the other."""
    operators = [OPS, OP2, OP3]
    log = Log([EVIL], operators=operators, of_operators=2)
    draft = make.text("recover", turn=2, namespace=ACME, key_set=make.key_set([ANA], [(CI, SCOPE)]))
    log.keys([CY, EVIL], [EVIL, CY])
    log.keys([EVIL], [EVIL, CY])
    theirs = make.claim(ACME, seq=log.seq + 1, prev=log.prev)
    log.log(draft, [OPS, OP3])
    log.turn = 2
    assert log.owner.recovery is not None and log.owner.recovery.due == NOW + DELAY
    log.keys([EVIL, CY], [EVIL, CY])
    log.object(draft, EVIL)
    log.log(make.identity(theirs, [EVIL], turn=3), [OPS, OP2])
    log.has_no_effect("of the owner's chain; the next is")
    log.now += 2 * DELAY - 1
    log.keys([CY], [CY])  # waits, and never comes into force
    assert log.controllers == {EVIL, CY} and log.owner.pending is not None
    log.now += 1
    assert log.controllers == {ANA} and not log.owner.pending and not log.owner.recovery


def test_a_signature_stripped_from_a_complete_record_only_makes_it_wait() -> None:
    """Somebody on the way logs it with fewer: the owners repeat the change at the next place of their chain."""
    log = Log([ANA, BEN])
    record = log.keys([ANA], [ANA])  # both had signed
    assert log.owner.pending is not None and log.controllers == {ANA, BEN}
    log.again(record, [ANA, BEN])
    log.has_no_effect("this record is logged already")
    log.keys([ANA], [ANA, BEN])
    assert log.controllers == {ANA} and log.owner.pending is None


def test_a_signature_stripped_below_the_threshold_is_no_record() -> None:
    log = Log([ANA, BEN], 2)
    record = log.drafted([ANA, BEN, CY], 2)
    log.log(record, [ANA])
    log.has_no_effect("signed by 1 of 2 controllers")
    log.again(record, [ANA, BEN, CY])  # it was not admitted before
    assert log.controllers == {ANA, BEN, CY}


# operators


def test_whoever_registers_the_hub_name_again_gets_neither_the_claim_nor_its_history(tmp_path: Path) -> None:
    """Another owner id needs another identity, which the controllers sign; a recovery gives keys alone, in public.

    That a recovery is for the same owner is the operators' duty: two weeks long everybody sees it, the controllers
    can make them four, and `lift` takes it back.
    """
    log = Log(now=days_ago(10))
    log.log(make.identity(make.claim(ACME, [EVIL], [(EVIL, SCOPE)], hub_owner_id="5f" * 12), [EVIL]), [OPS])
    log.has_no_effect("turn 1 of the operators' acts, the next is 2")
    other = make.claim(ACME, seq=2, prev=log.prev, hub_owner_id="5f" * 12, title="Somebody Else")
    log.log(make.identity(other, [EVIL], turn=2), [OPS])
    log.has_no_effect("does not count here")
    recover = log.act("recover", key_set=make.key_set([EVIL], [(EVIL, SCOPE)]))
    due = log.now + DELAY
    log.now = days_ago(0)
    with scene.scene(tmp_path, log) as found:
        note = f"the operators are to give it new keys on {utc(due)}"
        found.someone.types(*scene.VERIFY).says(0, "sealed by Acme Lab (acme.example)", note)
        log.publish(REPO, 2, EVIL, files_of(BAD))
        log.has_no_effect("no scope covers it")
        found.bad_is_never_verified()
    log.object(recover, ANA)
    assert log.owner.recovery is not None and log.owner.recovery.due == due + DELAY
    log.act("lift")
    assert log.owner.recovery is None and log.controllers == {ANA}
    assert log.owner.claim.hub_owner_id is None


def test_a_recovery_changes_keys_and_nothing_of_what_is_said_or_sealed() -> None:
    log = Log()
    log.act("recover", key_set=make.key_set([BEN], [(CY, SCOPE)]))
    log.now += DELAY
    assert log.controllers == {BEN} and log.owner.claim.title == "Acme Lab"
    assert log.verify(REPO, files_of(GOOD)).word == Word.VERIFIED
    log.publish(REPO, 2, CI)
    log.has_no_effect("no scope covers it")


def test_one_operator_suspends_once_in_90_days_and_it_ends_by_itself(tmp_path: Path) -> None:
    log = Log(operators=[OPS, OP2, OP3], of_operators=2)
    log.act("suspend", [OP2], reason="malicious")
    log.publish(REPO, 2, CI)
    log.has_no_effect("is suspended until")
    decision = log.decision()
    assert (decision.word, decision.qualifier) == (Word.FAILED, "SUSPENDED (malicious)")
    log.now += SUSPENSION - 1
    assert log.decision().word == Word.FAILED
    log.now += 1
    assert log.decision().word is None
    log.publish(REPO, 3, CI)
    for operator, reason in ((OP2, "compromised"), (OP3, "withdrawn")):
        log.act("suspend", [operator], reason=reason)
        log.has_no_effect("less than 90 days ago")
        log.turn -= 1
    log.act("lift", [OP2])
    log.has_no_effect("signed by 1 of 2 operators")
    log.turn -= 1
    log.act("suspend", [OP2, OP3], reason="key-compromise")
    assert log.decision().word == Word.FAILED
    log.now += 90 * DAY
    log.act("suspend", [OP3], reason="withdrawn")
    assert log.decision().qualifier == "SUSPENDED (withdrawn)"


def test_while_suspended_an_owner_still_revokes_and_changes_keys() -> None:
    log = Log()
    sealed = log.decision().chosen
    assert sealed is not None
    log.act("suspend", reason="malicious")
    log.keys([ANA, BEN], [ANA, BEN])
    log.revoke(REPO, sealed.release.seal, [ANA])
    assert log.controllers == {ANA, BEN}
    log.now += SUSPENSION
    assert log.decision().qualifier == "REVOKED (malicious)"


def test_a_retired_namespace_keeps_its_releases_and_gets_no_more(tmp_path: Path) -> None:
    log = Log(now=days_ago(0))
    log.act("retire", reason="withdrawn")
    for record, by in (
        (log.drafted([ANA, BEN]), [ANA, BEN]),
        (make.text("recover", turn=3, namespace=ACME, key_set=make.key_set([EVIL], [])), [OPS]),
        (make.identity(log.first, [], turn=3), [OPS]),
    ):
        log.log(record, by)
        log.has_no_effect("is retired (withdrawn): only revocations are admitted")
    log.publish(REPO, 2, CI)
    log.has_no_effect("is retired")
    with scene.scene(tmp_path, log) as found:
        found.someone.types(*scene.VERIFY).says(0, "VERIFIED", "retired on", "there will be no more releases")
        sealed = log.decision().chosen
        assert sealed is not None
        log.revoke(REPO, sealed.release.seal, [ANA])
        found.serve()
        found.someone.types(*scene.VERIFY).says(1, "FAILED REVOKED (malicious)")


def test_a_removed_operator_admits_nobody_and_what_it_admitted_stays() -> None:
    log = Log(operators=[OPS, OP2], of_operators=1)
    version = make.operators([OPS], seq=2, prev=make.digest(log.entries[0][0]))
    log.log(version, [OPS])
    log.log(make.identity(log.first, [], turn=2, resembles=["hf://openai"]), [OP2])
    log.has_no_effect("does not count here")
    assert log.verify(REPO, files_of(GOOD)).word == Word.VERIFIED


# counting keys


def twin(of: Private) -> Private:
    """The same P-256 key by the other SubjectPublicKeyInfo that libraries read: its point compressed."""
    point = of.secret.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    body = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107032200") + point
    spki = bytes([0x30, len(body)]) + body
    assert load_der_public_key(spki) == of.secret.public_key(), "a library takes it"
    return Private(of.secret, PublicKey("ecdsa-p256", spki))


def test_a_compressed_twin_of_a_p256_key_is_not_a_second_person() -> None:
    """A record can name its digest, and no signature by it is ever one."""
    world = World([OPS, twin(OPS)], 2)
    world.claim(ACME, [ANA], [(CI, SCOPE)], operators=[OPS, twin(OPS)])
    world.claim(ACME, [ANA], [(CI, SCOPE)], operators=[OPS], resembles=["hf://acme"])
    notes = " ".join(world.ask(REPO).notes)
    assert "not an uncompressed P-256" in notes and "signed by 1 of 2 operators" in notes
    log = Log([ANA, twin(ANA)], 2)
    log.has_no_effect("is not an approved namespace of this log")
    assert log.ask(REPO).word == Word.UNKNOWN


def test_one_key_is_one_person_however_often_it_signs() -> None:
    log = Log([ANA, BEN], 2)
    text = log.drafted([ANA, BEN, CY], 2)
    entry = ANA.entry(envelope.RECORD, text)
    again = Entry(ANA.public.spki, _other_signature(ANA, envelope.pae(envelope.RECORD, text.encode())))
    with pytest.raises(Malformed, match="two by one key"):
        log.log_signed(text, (entry, again))


# much of it


def test_a_huge_chain_is_answered_within_the_budget(tmp_path: Path) -> None:
    """5,000 changes of keys and 5,000 revocations of one namespace; the client fetches them as files and judges all."""
    ana = make.key("ana", "ed25519")
    log = Log([ana], now=days_ago(0))
    with log.batch() as add:
        for number in range(5000):
            record = log.drafted([ana])
            log.seq, log.prev = log.seq + 1, make.digest(record)
            add(record, [ana])
            add(make.revocation(ACME, fileset=f"{number:064x}"), [ana])
    with scene.scene(tmp_path, log) as found:
        begun = time.monotonic()
        found.someone.types(*scene.VERIFY).says(0, "VERIFIED")
        assert time.monotonic() - begun < BUDGET_S
        kept = Memory(found.someone.home, log.signer.origin).revoked()
        assert len(kept.filesets) == 5000


# sent past our own client, to a real registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    with running(tmp_path_factory.mktemp("rules") / "reg") as found:
        found.approve(ACME, ANA, [(CI, SCOPE)])
        found.publish(CI, REPO, 1)
        yield found


def raw(record: str, signatures: Sequence[Entry], seal: str | None = None) -> bytes:
    """What is posted, whether or not we would write it."""
    values = [entry.value() for entry in ordered_entries(list(signatures))]
    return strict.encode({"v": 1, "record": record, "signatures": values, "seal": seal}).encode()


def refused(registry: RegistryProcess, submission: bytes, status: int, words: str) -> None:
    before = registry.get("checkpoint").split(b"\n")[1]
    found, answer = registry.post(submission)
    assert (found, words in answer["detail"]) == (status, True), answer
    assert registry.get("checkpoint").split(b"\n")[1] == before


@pytest.mark.parametrize("name", ["datasets", "spaces", "models", "kernels", "buckets", "api", "API", "DataSets"])
def test_names_that_are_paths_of_the_hub_are_nobodys(name: str, registry: RegistryProcess, tmp_path: Path) -> None:
    text = make.claim(f"hf://{name}", [EVIL], [], origin=registry.origin)
    refused(registry, raw(text, [EVIL.entry(envelope.CLAIM, text)]), 400, f"'hf://{name}' has not the form")
    person = Person(tmp_path, registry)
    person.model("model", {"a": b"a"})
    person.key("evil")
    for repo in (f"{name}/atlas-7b", f"datasets/{name}/atlas-7b", f"hf://{name}/{name}"):
        person.types("verify", "./model", "--repo", repo).says(2, "is not a repo")
    person.ns_toml(name, ["evil"], ["evil"])
    person.types("claim", "ns.toml", "--key", "evil.key").says(2, f"hf://{name}")


def test_a_registry_logs_nothing_of_another_origin_or_spelling(registry: RegistryProcess) -> None:
    elsewhere = make.seal(CI, REPO, make.revision(2))
    record = make.release(elsewhere, CI, origin="staging.example")
    refused(registry, make.submission(record, [CI], elsewhere), 400, "the record is for staging.example")
    spelled = make.seal(CI, "hf://ACME-Lab/atlas-7b", make.revision(2))
    record = make.release(spelled, CI, origin=registry.origin)
    refused(registry, make.submission(record, [CI], spelled), 403, "is spelled hf://acme-lab, not hf://ACME-Lab")
    text = make.claim("hf://Acme-LAB", [EVIL], [], origin=registry.origin)
    refused(registry, make.submission(text, [EVIL]), 403, "is spelled hf://acme-lab, not hf://Acme-LAB")


def test_a_registry_counts_no_compressed_twin_and_no_key_twice(registry: RegistryProcess) -> None:
    seal = make.seal(CI, REPO, make.revision(3))
    record = make.release(seal, CI, origin=registry.origin)
    honest = CI.entry(envelope.RECORD, record)
    other = Entry(honest.key, _other_signature(CI, envelope.pae(envelope.RECORD, record.encode())))
    for entries, words in (
        ([twin(CI).entry(envelope.RECORD, record)], "not an uncompressed P-256"),
        ([honest, twin(CI).entry(envelope.RECORD, record)], "not an uncompressed P-256"),
        ([honest, other], "two by one key"),
    ):
        refused(registry, raw(record, entries, seal), 400, words)


def test_a_registry_does_not_revive_a_revoked_release(registry: RegistryProcess) -> None:
    """The same record with other signature bytes is the first one, and the same seal with others is no other seal."""
    repo = f"{ACME}/to-be-revoked"
    seal = make.seal(CI, repo, ONE)
    record = make.release(seal, CI, origin=registry.origin)
    status, first = registry.post(make.submission(record, [CI], seal))
    assert status == 200
    payload = strict.loads(record, "release")["seal"]
    revoked = make.revocation(ACME, repo=repo, seal=payload, origin=registry.origin)
    assert registry.post(make.submission(revoked, [CI]))[0] == 200
    other = Entry(CI.public.spki, _other_signature(CI, envelope.pae(envelope.RECORD, record.encode())))
    status, again = registry.post(raw(record, [other], seal))
    assert (status, again["index"]) == (200, first["index"])
    bundle = Bundle.parse(seal)
    sig = _other_signature(CI, envelope.pae(envelope.STATEMENT, bundle.payload))
    resealed = Bundle(bundle.payload, sig, bundle.hint).encode()
    record = make.release(resealed, CI, origin=registry.origin)
    refused(registry, make.submission(record, [CI], resealed), 409, "is sealed already")


def test_a_registry_takes_operators_acts_once_and_in_turn(registry: RegistryProcess) -> None:
    operator = _operator(registry)

    def act(type_: str, turn: int, **fields: str) -> bytes:
        record = make.text(type_, namespace=ACME, turn=turn, origin=registry.origin, **fields)
        return make.submission(record, [operator])

    assert registry.post(act("suspend", 2, reason="malicious"))[0] == 200
    status, first = registry.post(act("lift", 3))
    assert status == 200
    assert registry.post(act("suspend", 4, reason="compromised"))[0] == 200
    assert registry.post(act("lift", 3)) == (200, {**first, "proof": registry.post(act("lift", 3))[1]["proof"]})
    refused(registry, act("retire", 3, reason="malicious"), 409, "turn 3 of the operators' acts, the next is 5")
    status, answer = registry.post(registry.sealed(CI, REPO, 5))
    assert status == 403 and "is suspended until" in answer["detail"], "the old lift has lifted nothing"
    for by in (ANA, EVIL):
        record = make.text("lift", namespace=ACME, turn=5, origin=registry.origin)
        refused(registry, make.submission(record, [by]), 403, "does not count here")
    assert registry.post(act("lift", 5))[0] == 200


def _operator(registry: RegistryProcess) -> Private:
    key = load(str(registry.folder / "keys/operator-for-trying-out.key"), None)
    return Private(key.private, key.public)


# time


def test_a_clock_that_jumps_30_days_stops_the_log_and_not_the_client(tmp_path: Path) -> None:
    """An append-only log has no way back: nothing is appended or cosigned, and readers see what was there."""
    house = House(tmp_path)
    house.adopt(ACME, [ANA], [(CI, SCOPE)])
    clock = LogClock(lambda: house.now, lambda: 0.0)  # no time goes by, whatever the clock says
    sequencer = Sequencer(house.store, ORIGIN, SIGNER, house.emitter, clock=clock)
    sequencer.start()
    house.run = lambda: None  # type: ignore[method-assign]
    house.registry = Registry(house.store, ORIGIN, house.public, clock=lambda: house.now, wait_s=0)
    before = house.files(), house.head()
    house.now += 30 * DAY
    assert house.post(make.sealed(CI, REPO, 1))[0] == 202
    for act in (sequencer.batch, sequencer.publish):
        with pytest.raises(Unavailable, match="jumped ahead"):
            act()
    assert (house.files(), house.head()) == before
    house.now -= 30 * DAY
    head = sequencer.batch()
    assert head is not None and head.size == before[1].size + 2


@pytest.mark.parametrize("days", [-30, 30])
def test_a_client_whose_clock_is_30_days_off_says_which_times_it_compares(days: int, tmp_path: Path) -> None:
    log = Log(now=days_ago(days))
    with scene.scene(tmp_path, log) as found:
        when = utc(log.now)
        words = f"the newest checkpoint is 30 days old ({when})" if days > 0 else f"of {when}, ahead of the clock here"
        ran = found.someone.types(*scene.VERIFY).says(6, f"UNAVAILABLE {NAME}", words)
        assert "FAILED" not in ran.out and "MISBEHAVED" not in ran.out
