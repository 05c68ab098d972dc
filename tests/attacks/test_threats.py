"""The table of what an attacker can and cannot do: for each row what it can and what it cannot, by the real commands.

Not in force yet, and so not here: that mirrors relay records and notice refused ones, verdicts about imitations
(IMPERSONATION, UNOFFICIAL COPY), and `guard`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from modelseal import lockfile
from modelseal.formats import strict
from modelseal.formats.evidence import Evidence
from modelseal.formats.leaves import Leaf
from modelseal.formats.manifest import fileset
from modelseal.formats.records import Release
from modelseal.lockfile import Entry, Lock
from modelseal.replay import fold
from modelseal.state import State
from modelseal.state.acts import SUSPENSION
from modelseal.state.owners import DELAY
from modelseal.times import utc
from modelseal_registry.registry import Registry
from tests.support import make
from tests.support import scene as scenes
from tests.support.client import Address, Someone, sealed_files
from tests.support.make import ORIGIN, Private
from tests.support.person import Person
from tests.support.registry import House
from tests.support.scene import ACME, ANA, BAD, BEN, CI, EVIDENCE, EVIL, GOOD, REPO, VERIFY, Scene, acme
from tests.support.servers import Process, RegistryProcess, free_port, operate, running
from tests.support.witness import Witness
from tests.support.world import MAX_AGE, World


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with scenes.scene(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    """A real one: acme-lab is ana's, other-lab is ben's; ci seals for acme-lab."""
    with running(tmp_path_factory.mktemp("threats") / "reg") as found:
        found.approve(ACME, ANA, [(CI, f"{ACME}/*")])
        found.approve("hf://other-lab", BEN, [(BEN, "hf://other-lab/*")])
        found.publish(CI, REPO, 1)
        found.publish(BEN, "hf://other-lab/model", 1)
        yield found


# the Hub, a CDN, a download mirror


def test_the_hub_cannot_make_altered_extra_or_withheld_files_pass(scene: Scene) -> None:
    folder = scene.someone.here / "atlas-7b"
    scene.someone.run(*VERIFY).says(0, "VERIFIED")
    (folder / "start.bat").write_bytes(b"@echo off")
    scene.someone.run(*VERIFY).says(1, "FAILED", "start.bat (program)")
    (folder / "start.bat").unlink()
    (folder / "config.json").write_bytes(GOOD["config.json"] + b" ")
    scene.someone.run(*VERIFY).says(1, "FAILED", "config.json, another size")
    (folder / "config.json").unlink()
    scene.someone.run(*VERIFY).says(1, "FAILED", "missing:  config.json")
    scene.bad_is_never_verified()


def test_the_hub_may_vouch_for_a_claim_and_without_the_operators_that_is_nobody(
    tmp_path: Path, registry: RegistryProcess
) -> None:
    text = make.claim("hf://somebody", [EVIL], [(EVIL, "hf://somebody/*")], title="Somebody", origin=registry.origin)
    status, answer = registry.post(make.submission(text, [EVIL]))
    assert status == 202 and answer["waits_for"].endswith("approval by the operators")
    status, answer = registry.post(registry.sealed(EVIL, "hf://somebody/model", 1))
    assert status == 403 and "is not an approved namespace" in answer["detail"]
    person = Person(tmp_path, registry)
    person.model("model", BAD)
    asked = ("verify", "./model", "--repo", "somebody/model")
    person.types(*asked).says(5, "UNKNOWN somebody/model: nobody has sealed or observed it")


# a registry's host without keys, a mirror


def test_a_host_without_keys_cannot_forge_or_make_a_client_cry_fraud(scene: Scene) -> None:
    """Whatever single file it bends, cuts or withholds: no FAILED, no UNKNOWN, no LOG MISBEHAVED."""
    scene.someone.run(*VERIFY).says(0)
    scene.world.publish(REPO, 2, CI, sealed_files({"other.bin": b"other"}))  # now the client asks for tiles too
    home = {path: path.read_bytes() for path in scene.someone.home.rglob("*") if path.is_file()}
    evidence = scene.world.evidence(REPO, make.revision(1))
    name = f"{EVIDENCE}@{make.revision(1)}"
    by_commit = (*VERIFY[:-1], f"acme-lab/atlas-7b@{make.revision(1)}")

    def says(answers: dict[str, bytes]) -> int:
        scene.serve(answers=answers)
        for path, data in home.items():
            path.write_bytes(data)  # a client that has not seen the newer head yet
        ran = scene.someone.types(*by_commit)
        assert ran.code in (0, 6), ran  # 0: what was bent was not needed
        assert ran.out.startswith(("VERIFIED", "UNAVAILABLE"))
        return ran.code

    files = {**scene.world.files(), name: evidence}
    needed = [path for path in files if path.startswith(("tile/0", "checkpoint", "evidence/"))]
    assert len(needed) == 3
    assert says({name: evidence}) == 0
    for path in needed:
        data, middle = files[path], len(files[path]) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        codes = [says({name: evidence, path: bent}) for bent in (flipped, data[:-1], data[:middle])]
        assert path == "checkpoint" or codes == [6, 6, 6], path


def test_a_host_without_keys_cannot_omit_a_logged_revocation(scene: Scene) -> None:
    before = scene.world.files()
    release = strict.loads(scene.world.entries[-1][0], "release")
    scene.world.revoke(REPO, bytes.fromhex(release["seal"]), [ANA])
    evidence = strict.loads(scene.world.evidence(REPO).decode(), "evidence")
    without = {**evidence, "leaves": evidence["leaves"][:-1]}
    scene.serve(answers={EVIDENCE: strict.encode(without).encode()})
    scene.someone.types(*VERIFY).says(6, "UNAVAILABLE", "proves nothing")
    scene.serve()
    scene.someone.types(*VERIFY).says(1, "FAILED REVOKED")
    scene.address.serve({**before, **scene.someone.trust_files})
    scene.someone.types(*VERIFY).says(6, "UNAVAILABLE", "were seen before")


def test_a_host_without_keys_is_stale_at_most_max_age(tmp_path: Path) -> None:
    for age, code, word in ((MAX_AGE - 60, 0, "VERIFIED"), (MAX_AGE + 60, 6, "UNAVAILABLE")):
        with Address() as address:
            scene = Scene(tmp_path / word, acme(int(time.time()) - age), address)
            scene.someone.types(*VERIFY).says(code, word)


def test_a_mirror_that_bends_its_files_is_no_answer_and_harms_nobody_who_added_it(
    tmp_path: Path, registry: RegistryProcess
) -> None:
    """A real mirror of a real registry, whose operator edits the folder that it serves."""
    mirror = tmp_path / "mirror"
    operate(mirror, "mirror", "init", "--from", registry.invitation)
    operate(mirror, "mirror", "sync")
    for path in (mirror / "public/tile/entries").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data.replace(b"acme-lab", b"evil-lab"))
    person = Person(tmp_path / "person", registry)
    person.model("model", {"config.json": b"{}", "model.safetensors": b"weights"})
    verify = ("verify", "./model", "--repo", "acme-lab/atlas-7b")
    with Process(mirror, "mirror", "serve", "--listen", f"127.0.0.1:{free_port()}") as process:
        url = process.ready()
        person.types(*verify, "--registry", url).says(6, "UNAVAILABLE acme-lab/atlas-7b")
        person.types("trust", "mirror", url).says(0)
        person.types(*verify).says(0, "VERIFIED")


def test_a_host_that_denies_service_is_unavailable_and_nothing_worse(scene: Scene) -> None:
    scene.someone.types(*VERIFY).says(0)
    scene.address.serve({})
    scene.someone.types(*VERIFY).says(6, "UNAVAILABLE acme-lab/atlas-7b", "not found")
    scene.serve()
    scene.someone.types(*VERIFY).says(0)


# a registry's host with the log key


def force_release(world: World, signer: Private, repo: str, number: int, files: dict[str, bytes]) -> None:
    """Log a release although no rule admits it, with its seal."""
    world.publish(repo, number, signer, sealed_files(files))


def test_the_log_key_cannot_sign_for_a_publisher(scene: Scene) -> None:
    force_release(scene.world, EVIL, REPO, 66, BAD)
    scene.serve()
    scene.bad_is_never_verified()
    scene.someone.types(*VERIFY).says(0, "VERIFIED", "leaf 6 (release) has no effect", "no scope covers it")


def test_the_log_key_cannot_change_who_may_sign(scene: Scene) -> None:
    prev = make.digest(make.claim(ACME, [ANA], [(CI, f"{ACME}/*")]))
    changed = make.key_set([EVIL], [(EVIL, f"{ACME}/*")])
    scene.world.log(make.keys(ACME, changed, seq=2, prev=prev), [EVIL])
    force_release(scene.world, EVIL, REPO, 66, BAD)
    scene.serve()
    scene.bad_is_never_verified()


def test_the_log_key_cannot_replace_a_sealed_revision(scene: Scene) -> None:
    force_release(scene.world, CI, REPO, 1, BAD)
    scene.serve()
    scene.bad_is_never_verified()


def test_the_log_key_cannot_bypass_a_quorum_of_mirrors(tmp_path: Path) -> None:
    world = acme()
    mirrors = [Witness.named(name) for name in ("one", "two", "three")]
    world.watched(mirrors, 2)
    with scenes.scene(tmp_path, world) as scene:
        scene.someone.types(*VERIFY).says(0, "VERIFIED acme-lab/atlas-7b", "checked by 2 mirrors")
        force_release(world, CI, REPO, 66, BAD)
        world.cosigners = tuple(mirrors[:1])  # the others have not seen it
        scene.serve()
        scene.bad_is_never_verified()
        scene.someone.types(*VERIFY).says(6, "UNAVAILABLE", "checked by 1 of 2 mirrors")


def test_the_log_key_can_refuse_new_records_and_then_nobody_is_told_otherwise(tmp_path: Path) -> None:
    """What waits is not logged, and is not said to be. That mirrors relay and notice it is not in force yet."""
    house = House(tmp_path)
    house.adopt(ACME, [ANA], [(CI, f"{ACME}/*")])
    house.run = lambda: None  # type: ignore[method-assign]
    house.registry = Registry(house.store, ORIGIN, house.public, clock=lambda: house.now, wait_s=0)
    before = house.head()
    status, answer = house.post(make.sealed(CI, REPO, 1))
    assert (status, list(answer)) == (202, ["waits_for"]) and house.head() == before


def test_the_log_key_forks_unseen_only_by_a_client_that_saw_nothing(tmp_path: Path, scene: Scene) -> None:
    scene.world.publish(REPO, 2, CI, sealed_files({"other.bin": b"other"}))
    scene.serve()
    scene.someone.types(*VERIFY).says(0, "VERIFIED (registry's word only)")
    fork = scene.world.fork(keep=3)
    fork.publish(REPO, 3, CI, sealed_files({"third.bin": b"third"}))
    scene.serve(fork)
    scene.someone.types(*VERIFY).says(8, "LOG MISBEHAVED", "— registry.example ")
    fresh = Someone(tmp_path / "fresh", scene.world, scene.address)
    fresh.folder("atlas-7b", GOOD)
    fresh.types(*VERIFY).says(0, "VERIFIED (registry's word only)")


# one stolen signer key


def test_a_stolen_signer_key_acts_in_public_and_within_its_scope_only(registry: RegistryProcess) -> None:
    origin = registry.origin
    bad = sealed_files(BAD)

    def posted(repo: str, number: int) -> tuple[int, str]:
        bundle = make.seal(CI, repo, make.revision(number), bad)
        status, answer = registry.post(make.submission(make.release(bundle, CI, origin=origin), [CI], bundle))
        return status, str(answer.get("detail", ""))

    assert posted(f"{ACME}/fresh", 1)[0] == 200  # a bad release, for all to see
    assert b"fresh" in registry.get("evidence/acme-lab/fresh")
    assert posted(REPO, 1)[0] == 409  # a sealed revision stays
    status, error = posted("hf://other-lab/model", 2)
    assert status == 403 and "no scope covers it" in error
    everywhere = make.revocation(ACME, fileset="ab" * 32, origin=origin)
    theirs = make.revocation("hf://other-lab", repo="hf://other-lab/model", seal="ab" * 32, origin=origin)
    taken = make.keys(ACME, make.key_set([CI], [(CI, f"{ACME}/*")]), seq=2, prev="ab" * 32).replace(make.ORIGIN, origin)
    for record in (everywhere, theirs, taken):
        assert registry.post(make.submission(record, [CI]))[0] in (403, 409)
    seal = strict.loads(registry.get("evidence/acme-lab/fresh").decode(), "evidence")["leaves"][-1]["leaf"]
    release = strict.loads(strict.loads(seal, "leaf")["record"], "release")
    own = make.revocation(ACME, repo=f"{ACME}/fresh", seal=release["seal"], origin=origin)
    assert registry.post(make.submission(own, [CI]))[0] == 200  # it may revoke its own


def test_a_stolen_signer_key_is_revoked_by_the_owner(scene: Scene) -> None:
    stolen = scene.world.publish(REPO, 66, CI, sealed_files(BAD)).record
    assert isinstance(stolen, Release)
    scene.serve()
    bad = ("verify", "./bad", "--repo", "acme-lab/atlas-7b")
    scene.someone.types(*bad).says(0, "VERIFIED")
    scene.someone.types("show", "acme-lab/atlas-7b").says(0, make.revision(66), make.revision(1))
    scene.world.revoke(REPO, stolen.seal, [ANA])
    scene.serve()
    scene.someone.types(*bad).says(1, "FAILED REVOKED (malicious)")
    scene.someone.types(*VERIFY).says(0, "VERIFIED")


# controllers and operators below their threshold


def test_controllers_below_their_threshold_change_nothing(registry: RegistryProcess) -> None:
    text = make.claim("hf://duo", [ANA, BEN], [(CI, "hf://duo/*")], threshold=2, origin=registry.origin)
    assert registry.post(make.submission(text, [ANA]))[1] == {
        "waits_for": "controllers' signatures: signed by 1 of 2 controllers; approval by the operators"
    }
    name = f"duo@{make.digest(text)[:12]}"
    operate(registry.folder, "claims", "approve", name, "--without-evidence", "a test", "--yes", fine=(1,))
    assert registry.post(make.submission(text, [BEN]))[0] == 202
    operate(registry.folder, "claims", "approve", name, "--without-evidence", "a test", "--yes")
    wanted = make.key_set([ANA, BEN], [(EVIL, "hf://duo/*")], threshold=2)
    change = make.keys("hf://duo", wanted, seq=2, prev=make.digest(text)).replace(make.ORIGIN, registry.origin)
    status, answer = registry.post(make.submission(change, [ANA]))
    assert (status, answer) == (202, {"waits_for": "signed by 1 of 2 controllers"})
    status, answer = registry.post(make.submission(change, [EVIL]))
    assert status == 403 and "does not count here" in answer["detail"]
    assert make.digest(change) not in str(registry.get("evidence/duo/any"))


def test_a_stolen_controller_below_the_threshold_doubles_a_delay_once_and_has_no_veto(
    registry: RegistryProcess,
) -> None:
    origin, third = registry.origin, make.key("third")
    signers = [(CI, "hf://trio/*")]
    text = make.claim("hf://trio", [ANA, BEN, EVIL], signers, threshold=2, origin=origin, title="Three of Us")
    for signer in (ANA, BEN):
        registry.post(make.submission(text, [signer]))
    operate(
        registry.folder, "claims", "approve", f"trio@{make.digest(text)[:12]}", "--without-evidence", "a test", "--yes"
    )
    new = make.key_set([ANA, BEN, third], [(CI, "hf://trio/*")], threshold=2)
    change = make.keys("hf://trio", new, seq=2, prev=make.digest(text), origin=origin)
    assert registry.post(make.submission(change, [ANA, BEN]))[0] == 200
    objection = make.text("objection", namespace="hf://trio", target=make.digest(change), origin=origin)
    assert registry.post(make.submission(objection, [third]))[0] == 403  # not yet a controller
    first = registry.post(make.submission(objection, [EVIL]))
    again = registry.post(make.submission(objection, [EVIL]))
    assert first[0] == again[0] == 200 and first[1]["index"] == again[1]["index"], "the same leaf: it counts once"
    kept = replay(registry, "trio/any").namespace("hf://trio")
    assert kept is not None and kept.pending is not None
    logged = Leaf.parse(strict.loads(registry.get("evidence/trio/any").decode(), "")["leaves"][-2]["leaf"])
    assert (logged.digest.hex(), kept.pending.due) == (make.digest(change), logged.time + 2 * DELAY)
    assert kept.at(kept.pending.due - 1).key_set == kept.key_set
    assert EVIL.key not in kept.at(kept.pending.due).key_set.controllers

    def draft(number: int) -> str:
        wanted = make.key_set([ANA, BEN, make.key(f"{number}")], signers, threshold=2)
        return make.keys("hf://trio", wanted, seq=3, prev=make.digest(change), origin=origin)

    # it fills the room for what waits for signatures; what has them all needs none
    statuses = [registry.post(make.submission(draft(n), [EVIL]), source="127.0.0.5")[0] for n in range(66)]
    assert statuses == [202] * 64 + [429] * 2
    assert registry.post(make.submission(draft(100), [ANA, BEN]))[0] == 200


def replay(registry: RegistryProcess, repo: str) -> State:
    """What the leaves in a registry's evidence come to."""
    evidence = Evidence.parse(registry.get(f"evidence/{repo}"))
    state = State(registry.origin)
    assert fold(state, [(one.index, Leaf.parse(one.leaf)) for one in evidence.leaves]) == []
    return state


def test_operators_below_their_threshold_admit_nobody(tmp_path: Path) -> None:
    one, two = make.key("operator one"), make.key("operator two")
    world = World([one, two], 2, now=int(time.time()))
    world.claim(ACME, [ANA], [(CI, f"{ACME}/*")], operators=[one])
    world.publish(REPO, 1, CI, sealed_files(GOOD))
    with Address() as address:
        scene = Scene(tmp_path, world, address)
        scene.someone.types(*VERIFY).says(5, "UNKNOWN", "leaf 2 (identity) has no effect: signed by 1 of 2 operators")


def test_operators_below_their_threshold_rename_and_rebind_nobody_but_suspend_for_14_days(tmp_path: Path) -> None:
    one, two = make.key("operator one"), make.key("operator two")
    world = World([one, two], 2, now=int(time.time()) - SUSPENSION + 60)
    first = world.claim(ACME, [ANA], [(CI, f"{ACME}/*")], operators=[one, two])
    world.publish(REPO, 1, CI, sealed_files(GOOD))
    renamed = make.claim(ACME, seq=2, prev=first, title="Other")
    for record, words in (
        (make.identity(renamed, [ANA], turn=2), "signed by 1 of 2 operators"),
        (make.text("recover", namespace=ACME, turn=2, key_set=make.key_set([EVIL], [])), "signed by 1 of 2 operators"),
        (make.text("retire", namespace=ACME, turn=2, reason="withdrawn"), "signed by 1 of 2 operators"),
    ):
        world.log(record, [one])
        assert any(words in note for note in world.ask(REPO).notes)
    world.log(make.text("suspend", namespace=ACME, turn=2, reason="compromised"), [one])
    with scenes.scene(tmp_path, world) as scene:
        began, world.now = world.now, int(time.time())
        scene.serve()
        scene.someone.types(*VERIFY).says(
            1, f"FAILED SUSPENDED (compromised) acme-lab/atlas-7b: suspended on {utc(began)}"
        )
        scene.someone.types("verify", "./bad", "--repo", "acme-lab/atlas-7b").says(1, "FAILED SUSPENDED")
        old = World([one, two], 2, now=int(time.time()) - SUSPENSION)
        old.claim(ACME, [ANA], [(CI, f"{ACME}/*")], operators=[one, two])
        old.publish(REPO, 1, CI, sealed_files(GOOD))
        old.log(make.text("suspend", namespace=ACME, turn=2, reason="compromised"), [one])
        old.now = int(time.time())
        fresh = Scene(tmp_path / "later", old, scene.address)
        fresh.someone.types(*VERIFY).says(0, "VERIFIED")


# operators at their threshold


def test_operators_cannot_speak_for_an_owner_who_did_not_sign(tmp_path: Path) -> None:
    world = World(now=int(time.time()))
    text = make.claim(ACME, [ANA], [(EVIL, f"{ACME}/*")])
    world.log(make.identity(text, [EVIL]), [make.key("ops")])
    world.publish(REPO, 1, EVIL, sealed_files(GOOD))
    with Address() as address:
        scene = Scene(tmp_path, world, address)
        scene.someone.types(*VERIFY).says(5, "UNKNOWN", "leaf 2 (identity) has no effect", "does not count here")


def test_operators_cannot_change_how_a_trusted_log_began(scene: Scene) -> None:
    scene.someone.types(*VERIFY).says(0)
    other = World([make.key("other ops")], now=scene.world.now)  # the same log key
    other.claim(ACME, [EVIL], [(EVIL, f"{ACME}/*")], operators=[make.key("other ops")])
    for number in range(66, 70):
        other.publish(REPO, number, EVIL, sealed_files(BAD))
    assert other.leaf0 != scene.world.leaf0
    scene.serve(other)
    scene.bad_is_never_verified()


def test_operators_judge_an_identity_again_at_once_and_everybody_sees_it(scene: Scene) -> None:
    claim = make.claim(ACME, [ANA], [(CI, f"{ACME}/*")])
    scene.world.log(make.identity(claim, [], turn=2, resembles=["hf://acme"]), [make.key("ops")])
    scene.serve()
    scene.someone.types(*VERIFY).says(0, "VERIFIED", "its name resembles acme, and it is not the same")


def test_operators_take_over_a_lost_name_after_the_delay_in_public_and_not_sooner(tmp_path: Path) -> None:
    """Two weeks long every reader is told; what was sealed before stays, under the same name and title."""
    taken = make.key_set([EVIL], [(EVIL, f"{ACME}/*")])
    for ago, code in ((DELAY - 3600, 1), (DELAY + 3600, 0)):
        world = acme(int(time.time()) - ago)
        due = world.now + DELAY
        world.log(make.text("recover", namespace=ACME, turn=2, key_set=taken), [make.key("ops")])
        world.now = int(time.time())
        world.publish(REPO, 66, EVIL, sealed_files(BAD))
        with scenes.scene(tmp_path / str(code), world) as scene:
            ran = scene.someone.types("verify", "./bad", "--repo", "acme-lab/atlas-7b").says(code)
            says = (f"new keys on {utc(due)}", "no scope covers it") if code else ("VERIFIED", "by Acme Lab")
            for words in says:
                assert words in ran.out
            scene.someone.types(*VERIFY).says(0, "VERIFIED", "sealed by Acme Lab (acme.example)")


def test_what_operators_do_without_evidence_every_consumer_sees(scene: Scene) -> None:
    scene.someone.types(*VERIFY).says(0, "VERIFIED (registry's word only)", "(owner not checked)")


# a publisher that floods


def test_a_publisher_that_floods_does_not_stop_others(registry: RegistryProcess) -> None:
    def flood(number: int) -> int:
        return registry.post(registry.sealed(CI, f"{ACME}/flood", number), source="127.0.0.3")[0]

    with ThreadPoolExecutor(8) as pool:
        flooding = [pool.submit(flood, number) for number in range(80)]
        begun = time.monotonic()
        registry.publish(BEN, "hf://other-lab/in-time", 1)
        assert time.monotonic() - begun < 10
        assert {one.result() for one in flooding} == {200}


def test_claims_that_flood_one_name_leave_room_for_others(registry: RegistryProcess) -> None:
    def claim(namespace: str, number: int) -> int:
        owner = make.key(f"owner {number}", "ed25519")
        text = make.claim(namespace, [owner], [], origin=registry.origin)
        return registry.post(make.submission(text, [owner]), source="127.0.0.4")[0]

    answers = [claim("hf://famous", number) for number in range(66)]
    assert answers == [202] * 64 + [429] * 2
    assert claim("hf://unknown-yet", 1) == 202


# someone who leaves files on your disk


def test_files_left_on_a_disk_name_no_repo_and_accept_nothing(scene: Scene) -> None:
    scene.world.claim("hf://evil-lab", [EVIL], [(EVIL, "hf://evil-lab/*")])
    evil = scene.world.publish("hf://evil-lab/atlas-7b", 1, EVIL, sealed_files(BAD))
    scene.serve()
    here = scene.someone.here
    assert evil.seal is not None
    (here / "bad/model.sig").write_text(evil.seal)
    (here / "bad.evidence").write_bytes(scene.world.evidence("hf://evil-lab/atlas-7b"))
    for name in ("rules.toml", "modelseal.toml", "registry.trust"):
        (here / name).write_text("accept = ['failed', 'unknown']\n")
    scene.someone.types("verify", "./bad").says(2, "--repo evil-lab/atlas-7b")
    found = scene.someone.types("verify", "./bad", "--repo", "acme-lab/atlas-7b")
    found.says(1, "FAILED", "model.safetensors, same size")
    scene.address.asked.clear()
    scene.someone.types("verify", "./bad", "--repo", "evil-lab/atlas-7b").says(0, "VERIFIED")
    assert [path for path in scene.address.asked if path.startswith("evidence/")], "what lies beside is not used"
    for name in ("modelseal.lock", "rules.toml"):
        (here / "atlas-7b" / name).write_text("accept = ['failed']\n")
    scene.someone.types(*VERIFY).says(1, "2 files were added")


def test_a_lock_left_on_a_disk_accepts_nothing_and_takes_nothing_back(scene: Scene) -> None:
    files = tuple(replace(one, blake3=None) for one in sealed_files(BAD))
    repos = ("hf://acme-lab/atlas-7b", "hf://nobody/atlas-7b")
    for verdict in ("unknown", "observed", "pinned"):
        log = None if verdict == "pinned" else "registry.example"
        entries = tuple(
            Entry(repo, make.revision(1), verdict, fileset(files), scene.world.now, log, files=files) for repo in repos
        )
        (scene.someone.here / "modelseal.lock").write_bytes(lockfile.encode(Lock((), entries)))
        scene.bad_is_never_verified()
        for more in ((), ("--locked",)):
            scene.someone.types("verify", "./bad", "--repo", "nobody/atlas-7b", *more).says(5, "UNKNOWN")
            scene.someone.types("verify", "./bad", "--repo", "acme-lab/atlas-7b", *more).says(1, "FAILED")
        scene.someone.types(*VERIFY).says(1, "not the files that modelseal.lock has of it")
    scene.someone.types("lock", "--check").says(1, "FAILED")
    (scene.someone.here / "modelseal.lock").write_text("accept = ['failed', 'unknown']\n")
    scene.someone.types("verify", "./bad", "--repo", "acme-lab/atlas-7b").says(2, "v is missing")


# a look-alike with a seal of its own


def test_a_look_alike_is_verified_only_as_itself(scene: Scene) -> None:
    scene.world.claim("hf://acme-1ab", [EVIL], [(EVIL, "hf://acme-1ab/*")])
    scene.world.publish("hf://acme-1ab/atlas-7b", 1, EVIL, sealed_files(BAD))
    scene.serve()
    first = scene.someone.types("verify", "./bad", "--repo", "acme-1ab/atlas-7b").says(0).out.splitlines()[0]
    assert " acme-1ab/atlas-7b, sealed by " in first
    scene.bad_is_never_verified()
    scene.someone.types("verify", "./atlas-7b", "--repo", "acme-1ab/atlas-7b").says(1, "FAILED")


def test_another_spelling_is_the_same_repo_and_another_letter_is_none(scene: Scene) -> None:
    scene.someone.types("verify", "./atlas-7b", "--repo", "Acme-LAB/Atlas-7B").says(0, "acme-lab/atlas-7b")
    scene.someone.types("verify", "./atlas-7b", "--repo", "acmе-lab/atlas-7b").says(2, "is not a repo")  # a Cyrillic e
    scene.someone.types("verify", "./atlas-7b", "--repo", "acme_lab/atlas-7b").says(5, "UNKNOWN acme_lab/atlas-7b")


# a local user who can write files after verify


def test_what_changes_after_verify_is_noticed_by_the_next_one(scene: Scene) -> None:
    scene.someone.types(*VERIFY).says(0)
    path = scene.someone.here / "atlas-7b/model.safetensors"
    before = path.stat()
    with path.open("r+b") as file:  # the same inode, size and times
        file.write(BAD["model.safetensors"])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    scene.someone.types(*VERIFY).says(1, "FAILED", "model.safetensors, same size")


def test_what_copy_to_has_handed_over_is_not_touched_by_it(scene: Scene) -> None:
    scene.someone.types(*VERIFY, "--copy-to", "handed").says(0)
    (scene.someone.here / "atlas-7b/model.safetensors").write_bytes(BAD["model.safetensors"])
    (scene.someone.here / "atlas-7b/loader.py").write_text("import os")
    scene.someone.types("verify", "./handed", "--repo", "acme-lab/atlas-7b").says(0, "VERIFIED")
    scene.someone.types(*VERIFY, "--copy-to", "again").says(1, "FAILED")
    assert not (scene.someone.here / "again").exists()
