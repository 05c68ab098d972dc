"""Attacks on the trust root, one test or more for each that The Update Framework names: `trust add` and `verify`.

A hostile address answers the real client. After an attack that fails, what was trusted is kept byte for byte and an
honest checkpoint under it is still VERIFIED (`last_good`); nothing that only the attacker signed ever is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from modelseal import root
from modelseal.formats import strict
from modelseal.formats.note import Verifier
from modelseal.formats.policy import encode_policy
from modelseal.formats.trust import Trust, encode_registry
from modelseal.keys import SigningKey
from modelseal.root import entry, places
from modelseal.root.saved import POLICY, REGISTRY
from modelseal.times import utc
from modelseal_registry import trustdraft, trustroot
from modelseal_registry.signing import Signer
from modelseal_registry.trustdraft import DAY, Roles
from tests.support import make
from tests.support.client import Address, Answer, Ran, dripping, endless, inside, redirect, status
from tests.support.make import Private
from tests.support.scene import BAD, GOOD, NAME, acme
from tests.support.servers import environment
from tests.support.witness import Witness, quorum_text
from tests.support.world import World

ANA, BEN, CLEO, DORA, MALLORY = (make.key(name) for name in ("ana", "ben", "cleo", "dora", "mallory"))
ONLINE, NEXT = make.key("online", "ed25519"), make.key("next online", "ed25519")
TIMESTAMP = "trust/timestamp.json"
Files = dict[str, bytes]


def roles(*operators: Private, threshold: int = 2, online: Private = ONLINE) -> Roles:
    return Roles(trustdraft.ordered([one.public for one in operators]), threshold, online.public)


class Office:
    """Two of ana, ben and cleo say what is trusted; at *now* they did so for the first time."""

    def __init__(self, folder: Path, says: Trust, now: int) -> None:
        self.folder, self.says, self.now, self.online = folder, says, now, [ONLINE]
        self._publish(trustdraft.first(roles(ANA, BEN, CLEO), self.contents(says), now), [ANA, BEN])

    @staticmethod
    def contents(says: Trust) -> Files:
        return {POLICY: encode_policy(says.policy.log, says.policy.own), REGISTRY: encode_registry(says)}

    def publish(
        self, by: Sequence[Private] = (ANA, BEN), *, now: int | None = None, new: Roles | None = None, **says: Any
    ) -> None:
        self.now = now or self.now
        self.says = dataclasses.replace(self.says, **says)
        saved = trustroot.saved(self.folder)
        self._publish(trustdraft.following(saved, self.contents(self.says), self.now, new), by)

    def _publish(self, draft: trustdraft.Draft, by: Sequence[Private]) -> None:
        for private in by:
            draft = trustdraft.sign(draft, SigningKey(private.secret, private.public))
        trustroot.publish(self.folder, draft, [key.secret for key in self.online], self.now)

    def files(self) -> Files:
        return trustroot.files(self.folder)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256((self.folder / "1.root.json").read_bytes()).hexdigest()


class Reader:
    """Somebody who trusts what *office* had published *days* ago, or nothing yet."""

    def __init__(self, folder: Path, address: Address) -> None:
        self.here, self.home, self.address = folder / "here", folder / "home", address
        for name, contents in {"atlas-7b": GOOD, "bad": BAD}.items():
            (self.here / name).mkdir(parents=True)
            for file, data in contents.items():
                (self.here / name / file).write_bytes(data)

    def trusts(self, office: Office, days: float = 1) -> None:
        saved = trustroot.saved(office.folder)
        fingerprint = bytes.fromhex(office.fingerprint)
        verified = root.verify(saved, fingerprint)
        folder = places.folder_of(self.home, office.says.origin)
        then = int(time.time() - days * DAY)
        entry.write(entry.Entry.of(verified, fingerprint, folder, url=self.address.url, refreshed=then), saved)

    def add(self, office: Office) -> Ran:
        return self.types("trust", "add", f"{self.address.url}#sha256:{office.fingerprint}", "--yes")

    def verify(self, folder: str = "./atlas-7b") -> Ran:
        return self.types("verify", folder, "--repo", NAME)

    def types(self, *words: str) -> Ran:
        env = {**environment(), "HOME": str(self.home), "MODELSEAL_HOME": str(self.home)}
        return inside(self.here, env, *words)

    def kept(self) -> dict[str, Any]:
        """What is trusted: all but when it was last asked for."""
        found: dict[str, Any] = {}
        for path in (self.home / "trust").glob("*/*"):
            found[path.name] = path.read_bytes()
            if path.name == "local.json":
                found[path.name] = {k: v for k, v in json.loads(path.read_text()).items() if k != "refreshed"}
        return found

    def version(self) -> tuple[int, int]:
        """(root, timestamp)"""
        return self.kept()["local.json"]["root"], self.kept()["local.json"]["timestamp"]


@pytest.fixture(scope="module")
def worlds() -> tuple[World, World]:
    """The honest log, and one whose log key mallory has: in it BAD is sealed by ci."""
    now = int(time.time())
    honest = acme(now)
    liar = World(now=now)
    liar.signer = Signer(liar.signer.origin, make.ed25519("mallory's log"), liar.signer.cosigner, make.ed25519("own"))
    return honest, acme(now, liar)


class Stage:
    """An address that serves the honest log, or with `lie` mallory's, and what a test says of the trust root."""

    def __init__(self, folder: Path, worlds: tuple[World, World], address: Address) -> None:
        self.folder, self.address = folder, address
        self.honest, self.liar = worlds
        self.now = int(time.time())
        self.reader = Reader(folder, address)

    def says(self, world: World | None = None) -> Trust:
        url = self.address.url
        return dataclasses.replace((world or self.honest).trust, url=url, addresses=(url,))

    def office(self, days: float = 0) -> Office:
        return Office(self.folder / "tuf" / "trust", self.says(), int(self.now - days * DAY))

    def serve(self, trust: Mapping[str, Answer], world: World | None = None) -> None:
        self.address.files.clear()
        self.address.files.update((world or self.honest).files())
        self.address.files.update(trust)

    def last_good(self, trust: Mapping[str, Answer], before: dict[str, Any]) -> None:
        """After the attack nothing has changed: the honest log verifies, and mallory's is nothing."""
        for world, code in ((self.honest, 0), (self.liar, 6)):
            self.serve(trust, world)
            ran = self.reader.verify()
            ran.says(code, "VERIFIED" if code == 0 else f"UNAVAILABLE {NAME}")
            assert self.reader.kept() == before


@pytest.fixture
def stage(tmp_path: Path, worlds: tuple[World, World]) -> Iterator[Stage]:
    with Address() as address:
        yield Stage(tmp_path, worlds, address)


def signed(load: Any, *by: Private) -> bytes:
    load.signatures.clear()
    for private in by:
        load.sign(trustdraft.signer(private.secret), append=True)
    return bytes(load.to_bytes())


def changed(data: bytes, *by: Private, **fields: Any) -> bytes:
    """Return metadata with other *fields* of its payload, signed by *by*."""
    load = trustdraft.tuf().Metadata.from_bytes(data)
    for name, value in fields.items():
        setattr(load.signed, name, value)
    return signed(load, *by)


def forged(
    files: Files, says: Trust, *operators: Private, online: Private = ONLINE, policy: bytes | None = None
) -> Files:
    """Return *files* with new targets about *says*, signed by *operators*, and all that leads there by *online*."""
    api, found = trustdraft.tuf(), dict(files)
    contents = Office.contents(says) | ({POLICY: policy} if policy is not None else {})
    old = load(files, "snapshot")
    version = old.meta["targets.json"].version + 1
    named = {name: api.TargetFile.from_data(name, data, ["sha256"]) for name, data in contents.items()}
    expires = trustdraft.after(int(time.time()), 5)
    for name, data in contents.items():
        found[f"trust/targets/{named[name].hashes['sha256']}.{name}"] = data
    found[f"trust/{version}.targets.json"] = signed(
        api.Metadata(api.Targets(version=version, expires=expires, targets=named)), *operators
    )
    meta = {"targets.json": api.MetaFile(version)}
    found[f"trust/{old.version + 1}.snapshot.json"] = signed(
        api.Metadata(api.Snapshot(version=old.version + 1, expires=expires, meta=meta)), online
    )
    found[TIMESTAMP] = changed(
        files[TIMESTAMP], online, version=load(files, "timestamp").version + 1, expires=expires,
        snapshot_meta=api.MetaFile(old.version + 1),
    )  # fmt: skip
    return found


def load(files: Files, role: str) -> Any:
    """The newest payload of *role* in *files*."""
    names = [name for name in files if name.endswith(f"{role}.json")]
    newest = max(names, key=lambda name: int(name.rpartition("/")[2].partition(".")[0]) if role != "timestamp" else 0)
    return trustdraft.tuf().Metadata.from_bytes(files[newest]).signed


# arbitrary software

WHO = {
    "nobody": (),
    "a stranger": (MALLORY,),
    "one operator of two": (ANA,),
    "one operator and a stranger": (ANA, MALLORY),
    "the online key": (ONLINE,),
    "one operator and the online key": (BEN, ONLINE),
}


@pytest.mark.parametrize("who", WHO)
def test_arbitrary_software_targets_that_too_few_operators_signed(who: str, stage: Stage) -> None:
    office = stage.office()
    files = forged(office.files(), stage.says(stage.liar), *WHO[who])
    stage.serve(files, stage.liar)
    stage.reader.add(office).says(1, "targets was signed by", "/2 keys")
    assert stage.reader.kept() == {}
    stage.reader.trusts(office)
    stage.last_good(files, stage.reader.kept())


def test_arbitrary_software_in_a_folder_is_refused_too(stage: Stage) -> None:
    office = stage.office()
    for name, files, code in (
        ("bad", forged(office.files(), stage.says(stage.liar), ANA), 1),
        ("good", office.files(), 0),
    ):
        for path, data in files.items():
            (stage.reader.here / name / path).parent.mkdir(parents=True, exist_ok=True)
            (stage.reader.here / name / path).write_bytes(data)
        ran = stage.reader.types("trust", "add", f"./{name}", "--fingerprint", office.fingerprint, "--yes")
        ran.says(code, "TRUSTED" if code == 0 else "targets was signed by 1/2 keys")
        assert bool(stage.reader.kept()) == (code == 0)


def test_arbitrary_software_a_root_of_strangers_or_of_a_minority(stage: Stage) -> None:
    office = stage.office()
    stage.reader.trusts(office)
    before = stage.reader.kept()
    first = office.files()["trust/1.root.json"]
    api = trustdraft.tuf()
    for by in ((MALLORY,), (ANA, MALLORY), (ONLINE,)):
        made = trustdraft.first(roles(MALLORY, threshold=1, online=MALLORY), office.contents(office.says), stage.now)
        top = api.Metadata.from_bytes(made.metadata["1.root.json"].encode())
        top.signed.version = 2
        files = forged(office.files(), stage.says(stage.liar), MALLORY, online=MALLORY)
        files["trust/2.root.json"] = signed(top, *by)
        stage.last_good(files, before)
        stage.reader.verify("./bad").says(6)
        assert files["trust/1.root.json"] == first


def test_arbitrary_software_other_bytes_under_a_signed_name(stage: Stage) -> None:
    office = stage.office()
    stage.reader.trusts(office, days=0)
    office.publish(holders=("new",))
    files = office.files()
    name = next(path for path in files if path.endswith(".policy"))
    liar = stage.liar.trust.policy
    for data in (encode_policy(liar.log, liar.own), files[name] + b"#", b""):
        other = Reader(stage.folder / hashlib.sha256(data).hexdigest()[:8], stage.address)
        stage.serve({**files, name: data})
        ran = other.add(office)
        assert ran.code in (1, 6) and "TRUSTED" not in ran.out, ran
        assert other.kept() == {}
        other.trusts(office)
        before = other.kept()
        other.verify().says(0)
        assert other.kept() == before


# rollback


def test_rollback_to_an_older_state_is_no_way_back_also_by_adding_again(stage: Stage) -> None:
    office = stage.office()
    old = office.files()
    office.publish(holders=("new",))
    stage.reader.trusts(office)
    before = stage.reader.kept()
    stage.last_good(old, before)
    stage.serve(old)
    stage.reader.add(office)
    assert stage.reader.kept() == before


def test_rollback_of_one_file_that_the_online_key_signs_again(stage: Stage) -> None:
    """The online key is stolen: it names an older snapshot, older targets, or drops them."""
    office = stage.office()
    office.publish(holders=("new",))
    stage.reader.trusts(office)
    before, files, api = stage.reader.kept(), office.files(), trustdraft.tuf()
    later = trustdraft.after(stage.now, 5)
    old = Office(stage.folder / "old" / "trust", stage.says(), stage.now).files()
    for meta in ({"targets.json": api.MetaFile(1)}, {}):
        lies = {**old, **files}
        lies["trust/3.snapshot.json"] = signed(api.Metadata(api.Snapshot(version=3, expires=later, meta=meta)), ONLINE)
        lies[TIMESTAMP] = changed(files[TIMESTAMP], ONLINE, version=9, expires=later, snapshot_meta=api.MetaFile(3))
        stage.last_good(lies, before)
    lies = {**old, **files}
    lies[TIMESTAMP] = changed(files[TIMESTAMP], ONLINE, version=9, expires=later, snapshot_meta=api.MetaFile(1))
    stage.last_good(lies, before)


# freeze


def test_freeze_what_is_served_for_ever_ends_with_the_timestamp(stage: Stage) -> None:
    """Who serves an old state unchanged is believed until the timestamp ends, and then says nothing any more."""
    office = stage.office(days=6.5)
    stage.reader.trusts(office, days=6.5)
    stage.serve(office.files())
    stage.reader.verify().says(0, "VERIFIED")

    later = Reader(stage.folder / "later", stage.address)
    old = Office(stage.folder / "old" / "trust", stage.says(), stage.now - 8 * DAY)
    later.trusts(old, days=8)
    before = later.kept()
    stage.serve(old.files())
    later.verify().says(6, f"its timestamp expired on {utc(stage.now - DAY)}")
    assert later.kept() == before
    fresh = Reader(stage.folder / "fresh", stage.address)
    fresh.add(old).says(6, "timestamp", "is expired")
    assert fresh.kept() == {}


def test_freeze_by_the_online_key_ends_with_the_operators_root(stage: Stage) -> None:
    """The online key is stolen and signs new timestamps for ever; the root that operators do not renew ends it."""
    office = stage.office(days=364)
    api = trustdraft.tuf()

    def alive(office: Office) -> Files:
        files, later = office.files(), trustdraft.after(stage.now, 5)
        meta = {"targets.json": api.MetaFile(1)}
        files["trust/2.snapshot.json"] = signed(api.Metadata(api.Snapshot(version=2, expires=later, meta=meta)), ONLINE)
        files[TIMESTAMP] = changed(files[TIMESTAMP], ONLINE, version=99, expires=later, snapshot_meta=api.MetaFile(2))
        return files

    stage.serve(alive(office))
    stage.reader.trusts(office, days=364)
    stage.reader.verify().says(0, "VERIFIED")
    old = Office(stage.folder / "old" / "trust", stage.says(), stage.now - 366 * DAY)
    later = Reader(stage.folder / "later", stage.address)
    later.trusts(old, days=366)
    stage.serve(alive(old))
    later.verify().says(6, f"its root expired on {utc(stage.now - DAY)}")
    fresh = Reader(stage.folder / "fresh", stage.address)
    fresh.add(old).says(1, f"its root 1 expired on {utc(stage.now - DAY)} and has no successor")
    assert fresh.kept() == {}


# mix-and-match


def test_mix_and_match_files_of_two_states_make_none(stage: Stage) -> None:
    office = stage.office()
    old = office.files()
    stage.reader.trusts(office)
    before = stage.reader.kept()
    office.publish(holders=("new",))
    new = office.files()
    for name, other in (
        ("2.snapshot.json", old["trust/1.snapshot.json"]),
        ("2.targets.json", old["trust/1.targets.json"]),
        ("timestamp.json", None),
    ):
        mixed = {**new, f"trust/{name}": other} if other else {**new, "trust/timestamp.json": old[TIMESTAMP]}
        if other is None:
            mixed["trust/1.snapshot.json"] = new["trust/2.snapshot.json"]
        served: Files = {path: data for path, data in mixed.items() if data is not None}
        stage.serve(served)
        stage.reader.verify().says(0, "VERIFIED")
        assert stage.reader.version()[0] == 1 and stage.reader.kept() == before
        fresh = Reader(stage.folder / name, stage.address)
        ran = fresh.add(office)
        assert ran.code in (1, 6) and fresh.kept() == {}, ran


# endless data, slow retrieval


ENDLESS = ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", "registry.json"]


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_data_is_cut_off_and_the_last_good_state_serves(name: str, stage: Stage) -> None:
    office = stage.office()
    stage.reader.trusts(office)
    before = stage.reader.kept()
    office.publish(holders=("new",))
    files = office.files()
    path = next((path for path in files if path.endswith("." + name)), f"trust/{name}")
    stage.serve({**files, path: endless})
    begun = time.monotonic()
    stage.reader.verify().says(0, "VERIFIED")
    fresh = Reader(stage.folder / "fresh", stage.address)
    fresh.add(office).says(6)
    assert fresh.kept() == {} and stage.reader.kept() == before
    assert time.monotonic() - begun < 20


def test_slow_retrieval_ends_with_the_budget_and_leaves_time_for_the_question(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelseal.journeys import ask, trust

    office = stage.office()
    stage.reader.trusts(office)
    before = stage.reader.kept()
    monkeypatch.setattr(ask, "BUDGET_S", 4.0)
    monkeypatch.setattr(trust, "BUDGET_S", 1.5)
    stage.serve({**office.files(), TIMESTAMP: dripping})
    begun = time.monotonic()
    stage.reader.verify().says(0, "VERIFIED")
    fresh = Reader(stage.folder / "fresh", stage.address)
    fresh.add(office).says(6, "no answer within")
    assert fresh.kept() == {} and stage.reader.kept() == before
    assert time.monotonic() - begun < 15


# extraneous dependencies, wrong software


def test_extraneous_dependencies_what_the_seal_does_not_list_is_an_added_file(stage: Stage) -> None:
    """What a model needs lies inside what is signed: every file, and no other."""
    office = stage.office()
    stage.reader.trusts(office, days=0)
    stage.serve(office.files())
    (stage.reader.here / "atlas-7b" / "loader.py").write_text("import os\n")
    stage.reader.verify().says(1, "FAILED", "added:    loader.py")


def test_extraneous_targets_and_delegations_are_not_followed(stage: Stage) -> None:
    office = stage.office()
    files, api = office.files(), trustdraft.tuf()
    extra = {**files, f"trust/targets/{'0' * 64}.more": b"more"}
    stage.serve(extra)
    stage.reader.add(office).says(0, "TRUSTED")
    assert not [path for path in stage.address.asked if path.endswith(".more")]
    role = api.DelegatedRole("more", [trustdraft.keyid(MALLORY.public)], 1, False, paths=["*"])
    key = trustdraft.signer(MALLORY.secret).public_key
    targets = changed(
        files["trust/1.targets.json"], ANA, BEN, delegations=api.Delegations({key.keyid: key}, {"more": role})
    )
    fresh = Reader(stage.folder / "fresh", stage.address)
    stage.serve({**files, "trust/1.targets.json": targets})
    fresh.add(office).says(1, "its targets delegate to others")
    assert fresh.kept() == {}


def test_wrong_software_a_target_in_the_place_of_another_and_evidence_of_another_repo(stage: Stage) -> None:
    office = stage.office()
    files = office.files()
    policy, registry = (next(p for p in files if p.endswith(f".{name}")) for name in (POLICY, REGISTRY))
    stage.serve({**files, policy: files[registry], registry: files[policy]})
    ran = stage.reader.add(office)
    assert ran.code in (1, 6) and stage.reader.kept() == {}, ran
    stage.reader.trusts(office, days=0)
    stage.serve(files)
    stage.address.files[f"evidence/{NAME}"] = stage.honest.evidence("hf://acme-lab/other")
    stage.reader.verify().says(6, f"UNAVAILABLE {NAME}")


# malicious mirrors, withheld roots

BLOCKED: dict[str, Answer] = {
    "404": status(404), "403": status(403), "500": status(500), "503": status(503),
    "nothing": b"", "garbage": b"\xff" * 64, "elsewhere": redirect("http://127.0.0.1:1/"),
}  # fmt: skip


@pytest.mark.parametrize("how", BLOCKED)
def test_a_malicious_mirror_that_blocks_updates_is_passed_over(how: str, stage: Stage) -> None:
    """The address that is asked first says nothing of use; the next one has the news."""
    office = stage.office()
    with Address() as honest:
        office.publish(addresses=(stage.address.url, honest.url))
        stage.reader.trusts(office)
        office.publish(by=(ANA, CLEO), holders=("new",))
        honest.serve({**stage.honest.files(), **office.files()})
        stage.serve(dict.fromkeys([*office.files(), "trust/2.root.json", "checkpoint"], BLOCKED[how]))
        stage.address.files[f"evidence/{NAME}"] = BLOCKED[how]
        stage.reader.verify().says(0, "VERIFIED")
        assert stage.reader.version() == (1, 3)
        honest.serve({})
        stage.reader.verify().says(6)
    assert stage.reader.version() == (1, 3), "a failed refresh leaves what is usable"


def test_a_withheld_new_root_is_believed_absent_until_the_timestamp_ends(stage: Stage) -> None:
    """The online key was replaced because it was stolen. A mirror without it can hide that for a week at the most."""
    office = stage.office(days=6)
    stage.reader.trusts(office, days=6)
    old = office.files()
    office.online = [ONLINE, NEXT]
    office.publish(new=roles(ANA, BEN, CLEO, online=NEXT), now=stage.now)
    stage.serve(old)
    stage.reader.verify().says(0, "VERIFIED")
    assert stage.reader.version() == (1, 1)
    late = Office(stage.folder / "late" / "trust", stage.says(), stage.now - 8 * DAY)
    other = Reader(stage.folder / "other", stage.address)
    other.trusts(late, days=8)
    hidden = late.files()
    late.online = [ONLINE, NEXT]
    late.publish(new=roles(ANA, BEN, CLEO, online=NEXT), now=stage.now)
    stage.serve(hidden)
    other.verify().says(6, "its timestamp expired on")
    stage.serve(late.files())
    other.verify().says(0, "VERIFIED")
    assert other.version() == (2, 2)


def test_a_new_root_alone_withheld_does_no_harm_as_the_old_operators_signed_the_rest(stage: Stage) -> None:
    office = stage.office()
    stage.reader.trusts(office)
    office.publish(by=(ANA, BEN, DORA), new=roles(BEN, DORA), holders=("new",))
    files = office.files()
    del files["trust/2.root.json"]
    stage.serve(files)
    stage.reader.verify().says(0, "VERIFIED")
    assert stage.reader.version() == (1, 2)


# roots: skipped, expired in between


def test_a_skipped_root_is_refused(stage: Stage) -> None:
    office = stage.office()
    stage.reader.trusts(office)
    before = stage.reader.kept()
    office.publish(by=(ANA, BEN, DORA), new=roles(BEN, DORA))
    office.publish(by=(BEN, DORA, CLEO), new=roles(DORA, CLEO))
    files = office.files()
    skipped = {**files, "trust/2.root.json": files["trust/3.root.json"]}
    stage.last_good(skipped, before)
    fresh = Reader(stage.folder / "fresh", stage.address)
    stage.serve(skipped)
    fresh.add(office).says(1, "root")
    assert fresh.kept() == {}
    stage.serve(files)
    stage.reader.verify().says(0, "VERIFIED")
    assert stage.reader.version()[0] == 3


def test_a_root_that_expired_in_between_is_followed(stage: Stage) -> None:
    office = stage.office(days=500)
    stage.reader.trusts(office, days=500)
    office.publish(by=(ANA, BEN, DORA), new=roles(BEN, DORA, CLEO), now=stage.now - 400 * DAY)
    office.publish(by=(BEN, DORA), new=roles(BEN, DORA, CLEO), now=stage.now - DAY)
    stage.serve(office.files())
    stage.reader.verify().says(0, "VERIFIED")
    assert stage.reader.version()[0] == 3
    fresh = Reader(stage.folder / "fresh", stage.address)
    fresh.add(office).says(0, "TRUSTED")


@pytest.mark.parametrize("says", [{"leaf0": b"\x02" * 32}, {"origin": "other.example"}], ids=["leaf0", "origin"])
def test_operators_who_change_the_log_s_beginning_are_refused(says: dict[str, Any], stage: Stage) -> None:
    office = stage.office()
    stage.reader.trusts(office)
    before = stage.reader.kept()
    files = forged(office.files(), dataclasses.replace(stage.says(), **says), ANA, BEN)
    stage.serve(files)
    stage.reader.verify().says(
        6,
        "now names the first leaf" if "leaf0" in says else "now about another log, other.example",
        "remove, and add by the new fingerprint",
    )
    assert stage.reader.kept() == before


# policies that no client takes, whoever signed them

A, B, C = (Witness.named(name) for name in "abc")
POLICIES: dict[str, Callable[[Verifier, Verifier], bytes]] = {
    "twice the same key": lambda log, own: quorum_text(log, own, [A, Witness("twin.example", A.secret), B], 2),
    "twice the same line": lambda log, own: quorum_text(log, own, [A, A, B], 2),
    "twice the same member": lambda log, own: quorum_text(log, own, [A, B], 2).replace(b" w1 w2\n", b" w1 w1\n"),
    "the own cosigner counted": lambda log, own: quorum_text(log, own, [A, B], 2).replace(b" w1 w2\n", b" w1 own\n"),
    "the own cosigner under another name": lambda log, own: quorum_text(
        log, own, [A, Witness("x.example", make.ed25519("own"))], 2
    ),
    "the log's key as a witness": lambda log, own: quorum_text(
        log, own, [A, Witness("x.example", make.ed25519("log"))], 2
    ),
    "half of them": lambda log, own: quorum_text(log, own, [A, B], 1),
    "a witness that does not count": lambda log, own: quorum_text(log, own, [A, B, C], 2).replace(
        b" w1 w2 w3\n", b" w1 w2\n"
    ),
    "no own cosigner": lambda log, own: f"log {log.encode()}\nquorum none\n".encode(),
}


@pytest.mark.parametrize("case", POLICIES)
def test_a_policy_that_is_not_k_of_n_independent_witnesses_is_refused(case: str, stage: Stage) -> None:
    office, trust = stage.office(), stage.says().policy
    stage.reader.trusts(office)
    before = stage.reader.kept()
    text = POLICIES[case](trust.log, trust.own)
    files = forged(office.files(), stage.says(), ANA, BEN, policy=text)
    stage.serve(files)
    fresh = Reader(stage.folder / "fresh", stage.address)
    fresh.add(office).says(1, "policy: ")
    assert fresh.kept() == {}
    stage.last_good(files, before)


# key compromise, fast-forward


def test_key_compromise_the_online_key_alone_changes_nothing_that_is_trusted(stage: Stage) -> None:
    office = stage.office()
    stage.reader.trusts(office)
    before = stage.reader.kept()
    for operators in ((ONLINE,), ()):
        stage.last_good(forged(office.files(), stage.says(stage.liar), *operators), before)


def test_key_compromise_a_replaced_online_key_signs_nothing_any_more(stage: Stage) -> None:
    office = stage.office()
    office.online = [ONLINE, NEXT]
    office.publish(new=roles(ANA, BEN, CLEO, online=NEXT))
    stage.reader.trusts(office)
    before, files = stage.reader.kept(), office.files()
    stage.last_good({**files, TIMESTAMP: changed(files[TIMESTAMP], ONLINE, version=50)}, before)


def test_key_compromise_an_operator_who_was_replaced_signs_nothing_any_more(stage: Stage) -> None:
    office = stage.office()
    office.publish(by=(ANA, BEN, DORA), new=roles(BEN, DORA, CLEO))
    stage.reader.trusts(office)
    stage.last_good(forged(office.files(), stage.says(stage.liar), ANA, BEN), stage.reader.kept())


def test_fast_forward_is_healed_by_a_root_with_another_online_key(stage: Stage) -> None:
    """A stolen online key counts versions up as far as they go, so that nothing later could ever follow."""
    office = stage.office()
    stage.reader.trusts(office)
    files, api = office.files(), trustdraft.tuf()
    top, later = 10**9 - 1, trustdraft.after(stage.now, 5)
    meta = {"targets.json": api.MetaFile(1)}
    files[f"trust/{top}.snapshot.json"] = signed(
        api.Metadata(api.Snapshot(version=top, expires=later, meta=meta)), ONLINE
    )
    files[TIMESTAMP] = changed(files[TIMESTAMP], ONLINE, version=top, expires=later, snapshot_meta=api.MetaFile(top))
    stage.serve(files)
    stage.reader.verify().says(0, "VERIFIED")
    assert stage.reader.version() == (1, top)
    office.publish(holders=("new",))
    stage.serve(office.files())
    again(stage.reader)
    stage.reader.verify().says(0, "VERIFIED")
    assert stage.reader.version() == (1, top), "without a new key nothing later can follow"

    office.online = [ONLINE, NEXT]
    office.publish(new=roles(ANA, BEN, CLEO, online=NEXT), holders=("healed",))
    stage.serve(office.files())
    again(stage.reader)
    stage.reader.verify().says(0, "VERIFIED")
    assert stage.reader.version() == (2, 3)
    assert "healed" in stage.reader.types("trust", "status").out


def again(reader: Reader) -> None:
    """A day later."""
    [path] = (reader.home / "trust").glob("*/local.json")
    path.write_text(strict.encode({**json.loads(path.read_text()), "refreshed": 1}))
