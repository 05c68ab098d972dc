"""What an address may answer, each through the real command: what proves nothing, and what proves misbehaviour."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelseal.formats import paths
from modelseal.formats.records import Release, parse_record
from tests.support import make
from tests.support.client import Address, Answer, Someone, dripping, endless, redirect, sealed_files, status
from tests.support.world import MAX_AGE, World

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
REPO = "hf://acme-lab/atlas-7b"
CONTENTS = {"config.json": b"{}", "model.safetensors": b"weights" * 1000}
VERIFY = ("verify", "./atlas-7b", "--repo", "acme-lab/atlas-7b")
EVIDENCE = "evidence/acme-lab/atlas-7b"


def new_world(now: int | None = None) -> World:
    world = World(now=now or int(time.time()))
    world.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    world.publish(REPO, 1, CI, sealed_files(CONTENTS))
    return world


@pytest.fixture
def world() -> World:
    return new_world()


@pytest.fixture
def address() -> Iterator[Address]:
    with Address() as address:
        yield address


@pytest.fixture
def other() -> Iterator[Address]:
    with Address() as address:
        yield address


@pytest.fixture
def someone(tmp_path: Path, world: World, address: Address) -> Someone:
    address.serve(world.files())
    someone = Someone(tmp_path, world, address)
    someone.folder("atlas-7b", CONTENTS)
    return someone


def serve(address: Address, someone: Someone, world: World, **answers: Answer) -> None:
    address.serve({**world.files(), **someone.trust_files})
    address.files.update(answers)


# what proves nothing: UNAVAILABLE, and never an accusation


def _other_origin(world: World, someone: Someone) -> dict[str, Answer]:
    other = World(name="other.example", now=world.now)
    other.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    return {EVIDENCE: other.evidence(REPO)}


def _bent_tile(world: World, someone: Someone) -> dict[str, Answer]:
    someone.run(*VERIFY).says(0)
    world.publish(REPO, 2, CI)
    files = world.files()
    tile = next(path for path in files if path.startswith("tile/0/"))
    bent = bytes([files[tile][0] ^ 1]) + files[tile][1:]
    return {**files, EVIDENCE: world.evidence(REPO), tile: bent}


def _bent_proof(world: World, someone: Someone) -> dict[str, Answer]:
    evidence = world.evidence(REPO)
    at = evidence.index(b'"proof":"') + 12
    return {EVIDENCE: evidence[:at] + (b"A" if evidence[at : at + 1] != b"A" else b"B") + evidence[at + 1 :]}


def _missing(prefix: str) -> Callable[[World, Someone], dict[str, Answer]]:
    def answers(world: World, someone: Someone) -> dict[str, Answer]:
        return {path: status(404) for path in world.files() if path.startswith(prefix)}

    return answers


NOTHING: dict[str, tuple[Callable[[World, Someone], dict[str, Answer]], str]] = {
    "another origin": (_other_origin, "a checkpoint of other.example, not of registry.example"),
    "evidence of another repo": (
        lambda w, s: {EVIDENCE: w.evidence("hf://acme-lab/other")},
        "it is about acme-lab/other, not about acme-lab/atlas-7b",
    ),
    "a tile that proves nothing": (_bent_tile, "tiles: they do not give the signed root"),
    "a proof that proves nothing": (_bent_proof, "the answer proves nothing"),
    "no checkpoint": (_missing("checkpoint"), "not found"),
    "no tiles": (_missing("tile/"), "not found"),
    "no index": (_missing("index/"), "not found"),
    "a redirect": (
        lambda w, s: {EVIDENCE: redirect("http://127.0.0.1:1/")},
        "redirect",
    ),
    "a redirected checkpoint": (
        lambda w, s: {paths.CHECKPOINT: redirect("http://127.0.0.1:1/")},
        "redirect",
    ),
    "an internal error": (lambda w, s: {EVIDENCE: status(500)}, "500"),
    "endless bytes": (lambda w, s: {EVIDENCE: endless}, "more than"),
    "an empty checkpoint": (lambda w, s: {paths.CHECKPOINT: b""}, "checkpoint"),
    "HTML": (lambda w, s: {EVIDENCE: b"<html>log in to this network</html>"}, "not JSON"),
}


@pytest.mark.parametrize("case", NOTHING)
def test_an_answer_that_proves_nothing_is_unavailable(
    case: str, world: World, someone: Someone, address: Address
) -> None:
    answers, why = NOTHING[case]
    serve(address, someone, world, **answers(world, someone))
    ran = someone.run(*VERIFY).says(6, "UNAVAILABLE acme-lab/atlas-7b", why)
    assert "UNKNOWN" not in ran.out and "MISBEHAVED" not in ran.out
    found = someone.run(*VERIFY, "--json").says(6).json
    assert (found["verdict"], found["use"]) == ("unavailable", "retry")


def test_dripping_bytes_end_with_the_budget(world: World, someone: Someone, address: Address) -> None:
    serve(address, someone, world, **{EVIDENCE: dripping})
    begun = time.monotonic()
    someone.run(*VERIFY).says(6, "UNAVAILABLE", "no answer within")
    assert time.monotonic() - begun < 45


def test_a_registry_that_is_down_is_unavailable(someone: Someone, tmp_path: Path) -> None:
    someone.run(*VERIFY, "--registry", "http://127.0.0.1:1").says(6, "UNAVAILABLE acme-lab/atlas-7b")


def test_an_answer_older_than_max_age_is_unavailable(tmp_path: Path, address: Address) -> None:
    world = new_world(int(time.time()) - MAX_AGE - 5)
    address.serve(world.files())
    someone = Someone(tmp_path, world, address)
    someone.folder("atlas-7b", CONTENTS)
    someone.run(*VERIFY).says(6, "UNAVAILABLE", "the newest checkpoint is 24 hours old")


def test_max_age_can_be_shortened_and_not_stretched(tmp_path: Path, address: Address) -> None:
    world = new_world(int(time.time()) - 600)
    address.serve(world.files())
    someone = Someone(tmp_path, world, address)
    someone.folder("atlas-7b", CONTENTS)
    someone.run(*VERIFY, "--max-age", "5m").says(6, "10 minutes old", "allowed are 5 minutes")
    someone.run(*VERIFY, "--max-age", "20m").says(0, "VERIFIED")
    someone.run(*VERIFY, "--max-age", "30d").says(2, "can only shorten")


def test_withholding_a_seal_does_not_change_the_verdict(world: World, someone: Someone, address: Address) -> None:
    world.seals.clear()
    serve(address, someone, world)
    someone.run(*VERIFY).says(0, "VERIFIED", "the seal could not be fetched")


def test_a_seal_of_another_repo_is_not_believed(world: World, someone: Someone, address: Address) -> None:
    world.seals[next(iter(world.seals))] = make.seal(
        CI, "hf://acme-lab/other", make.revision(1), sealed_files({"x": b"y"})
    )
    serve(address, someone, world)
    someone.run(*VERIFY).says(0, "VERIFIED", "the seal could not be fetched")
    someone.folder("x", {"x": b"y"})
    someone.run("verify", "./x", "--repo", "acme-lab/atlas-7b").says(1, "FAILED")


# several addresses


def test_an_address_that_lags_is_passed_over(tmp_path: Path, world: World, address: Address, other: Address) -> None:
    someone = Someone(tmp_path, world, address, other)
    someone.folder("atlas-7b", CONTENTS)
    old = world.files()
    world.publish(REPO, 2, CI)
    serve(address, someone, world)
    serve(other, someone, world)
    someone.run(*VERIFY).says(0)
    address.serve({**old, **someone.trust_files})
    someone.run(*VERIFY).says(0, "VERIFIED")
    other.serve({**old, **someone.trust_files})
    someone.run(*VERIFY).says(6, "UNAVAILABLE", "no address gave an answer", "were seen before", address.url, other.url)


def test_an_address_that_drips_leaves_time_for_the_next(
    tmp_path: Path, world: World, address: Address, other: Address
) -> None:
    someone = Someone(tmp_path, world, address, other)
    someone.folder("atlas-7b", CONTENTS)
    serve(other, someone, world)
    serve(address, someone, world, **{EVIDENCE: dripping})
    someone.run(*VERIFY).says(0, "VERIFIED")


# what is remembered


def test_a_revocation_once_seen_is_not_forgotten_when_it_is_withheld(
    world: World, someone: Someone, address: Address
) -> None:
    old_files, old_evidence = world.files(), world.evidence(REPO)
    release = world.entries[-1][0]
    parsed = parse_record(release)
    assert isinstance(parsed, Release)
    world.revoke(REPO, parsed.seal, [ANA])
    serve(address, someone, world)
    someone.run(*VERIFY).says(1, "FAILED REVOKED (malicious) acme-lab/atlas-7b")
    (someone.here / "old.evidence").write_bytes(old_evidence)
    offline = ("--offline", "--evidence", "old.evidence")
    someone.run(*VERIFY, *offline).says(1, "FAILED REVOKED (seen before)", "not compared with the remembered head")
    someone.run(*VERIFY, *offline[1:], "--as-of", "evidence").says(1, "FAILED REVOKED (seen before)")
    address.serve({**old_files, **someone.trust_files})
    someone.run(*VERIFY).says(6, "UNAVAILABLE", "were seen before")


def test_a_registry_that_rolls_back_and_cosigns_again_misbehaves(
    world: World, someone: Someone, address: Address
) -> None:
    world.publish(REPO, 2, CI)
    serve(address, someone, world)
    someone.run(*VERIFY).says(0)
    back = world.fork(keep=3)
    back.now += 30
    serve(address, someone, back)
    ran = someone.run(*VERIFY).says(8, "LOG MISBEHAVED acme-lab/atlas-7b", "went back from 8 to 6 leaves")
    assert ran.out.count("— registry.example ") == 2  # both notes, signed by the log key
    proof = someone.run(*VERIFY, "--json").says(8).json["proof"]
    assert [note.splitlines()[1] for note in proof] == ["8", "6"]


@pytest.mark.parametrize("more", [0, 2])
def test_a_fork_misbehaves_and_both_notes_are_printed(
    world: World, someone: Someone, address: Address, more: int
) -> None:
    world.publish(REPO, 2, CI)
    serve(address, someone, world)
    someone.run(*VERIFY).says(0)
    fork = world.fork(keep=3)
    for number in range(1 + more):
        fork.publish(REPO, 10 + number, CI)
    serve(address, someone, fork)
    ran = someone.run(*VERIFY).says(8, "LOG MISBEHAVED")
    assert ran.out.count("— registry.example ") == 2


# evidence files


def test_evidence_never_supplies_a_name(world: World, someone: Someone) -> None:
    (someone.here / "e").write_bytes(world.evidence(REPO))
    someone.run("verify", "./atlas-7b", "--evidence", "e", "--offline").says(2, "--repo")
    someone.run("verify", "./atlas-7b", "--evidence", "e", "--repo", "acme-lab/other").says(
        6, "it is about acme-lab/atlas-7b"
    )


def test_evidence_is_judged_offline_and_asks_nobody(world: World, someone: Someone, address: Address) -> None:
    (someone.here / "e").write_bytes(world.evidence(REPO))
    address.asked.clear()
    someone.run(*VERIFY, "--evidence", "e", "--offline").says(0, "VERIFIED")
    assert address.asked == []


def test_old_evidence_is_verified_only_as_of_its_time(tmp_path: Path, address: Address) -> None:
    world = new_world(int(time.time()) - 30 * 24 * 3600)
    someone = Someone(tmp_path, world, address)
    someone.folder("atlas-7b", CONTENTS)
    (someone.here / "e").write_bytes(world.evidence(REPO))
    someone.run(*VERIFY, "--evidence", "e", "--offline").says(6, "30 days old")
    ran = someone.run(*VERIFY, "--evidence", "e", "--offline", "--as-of", "evidence").says(0)
    assert ran.out.startswith("VERIFIED AS OF ")
    assert someone.run(*VERIFY, "--evidence", "e", "--as-of", "evidence", "--json").says(0).json["use"] == "ask"


def test_nobody_trusted_says_what_to_type(tmp_path: Path, someone: Someone) -> None:
    for path in (someone.home / "trust").rglob("*"):
        if path.is_file():
            path.unlink()
    someone.run(*VERIFY).says(6, "modelseal trust add")


def test_offline_without_anything_at_hand_is_a_usage_error(someone: Someone) -> None:
    someone.run(*VERIFY, "--offline").says(2, "--evidence FILE")
