"""Files against the release: vectors, and what is worth hashing. More stands in test_decide.py and tests/attacks/."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from modelseal.compare import Local, compare, digests_wanted, is_program
from modelseal.decide import Freshness, decide
from modelseal.formats import names, strict
from modelseal.formats.manifest import File
from modelseal.formats.names import parse_repo
from modelseal.formats.note import Verifier
from modelseal.formats.trust import Head, Revoked, parse_trust
from modelseal.verdict import Decision, Finding, Seen, Word
from tests.support import make
from tests.support.vectors import Vector, load, name_of
from tests.support.world import World

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
NS, REPO = "hf://acme-lab", "hf://acme-lab/atlas-7b"


def decided(case: Vector, evidence: bytes) -> Decision:
    """What the headers of a case make of *evidence*."""
    trust = parse_trust("".join(line + "\n" for line in case.all("policy")).encode(), case.need("registry").encode())
    head = None
    if case.get("head-size"):
        note = strict.base64_text(case.need("head-note"), "note").decode()
        log = Verifier.parse(case.need("head-log")).encode()
        head = Head(int(case.need("head-size")), bytes.fromhex(case.need("head-root")), note, log, 0)
    seen: dict[str, set[tuple[str, bytes]]] = {"seal": set(), "fileset": set(), "signer": set()}
    for line in case.all("revoked"):
        kind, name, digest = line.split(" ")
        seen[kind].add((name, bytes.fromhex(digest)))
    revoked = Revoked(frozenset(seen["seal"]), frozenset(seen["fileset"]), frozenset(seen["signer"]))
    tiles = {path: bytes.fromhex(data) for path, data in (line.split(" ") for line in case.all("tile"))}
    fresh = Freshness(int(case.need("now")), int(case.need("max-age")))
    return decide(evidence, tiles, trust, head, revoked, parse_repo(case.need("asked")), fresh)


@pytest.mark.parametrize("case", load("decisions"), ids=name_of)
def test_decision_vectors(case: Vector) -> None:
    found = decided(case, case.body)
    assert (found.word.value if found.word else "release") == case.expect, found.says
    assert (found.chosen.release.revision if found.chosen else None) == case.get("release")
    assert (found.qualifier or None) == case.get("because")
    assert (said(found.observed) if found.observed else None) == case.get("observed")
    assert (found.head is None) == (found.word in (Word.UNAVAILABLE, Word.LOG_MISBEHAVED))
    if found.word == Word.LOG_MISBEHAVED:
        assert found.older is not None and found.newer is not None and found.older != found.newer


def said(seen: Seen) -> str:
    own = "own" if seen.own else "others"
    return f"{seen.revision} {seen.fileset.hex()} {seen.observers} {own} {seen.basis} {seen.first} {seen.last}"


def local(case: Vector) -> tuple[Local, ...]:
    found = []
    for line in case.text.splitlines():
        sha256, blake3, size, name = line.split(" ", 3)
        found.append(Local(name, int(size), bytes.fromhex(sha256), None if blake3 == "-" else bytes.fromhex(blake3)))
    return tuple(found)


@pytest.mark.parametrize("case", load("compare"), ids=name_of)
def test_compare_vectors(case: Vector) -> None:
    decision = decided(case, strict.base64_text(case.need("evidence"), "evidence"))
    verdict = compare(decision, local(case), partial=case.get("partial") == "yes")
    assert verdict.word == case.expect, verdict.says
    expected = case.get("release")
    if expected is not None:
        assert verdict.release is not None and verdict.release.release.revision == expected
    if case.get("because"):
        assert verdict.qualifier == case.get("because")
    if case.get("observed"):
        assert verdict.observed is not None and said(verdict.observed) == case.get("observed")
    findings = [f"{one.kind} {one.name}" for one in verdict.findings]
    if case.get("finding"):
        assert sorted(findings) == sorted(case.all("finding"))


def world_with(files: Iterable[File]) -> World:
    world = World()
    world.claim(NS, [ANA], [(CI, NS + "/*")])
    world.publish(REPO, 1, CI, tuple(files))
    return world


BOTH = tuple(
    replace(make.file(name, data), blake3=make.file(name, data).sha256[::-1])
    for name, data in (("config.json", b"{}"), ("model.safetensors", b"weights"))
)


def hashed(files: Iterable[File], *digests: str) -> tuple[Local, ...]:
    return tuple(
        Local(f.name, f.size, f.sha256 if "sha256" in digests else None, f.blake3 if "blake3" in digests else None)
        for f in files
    )


def test_either_digest_may_be_compared_and_is_named() -> None:
    decision = world_with(BOTH).ask(REPO)
    for said in ("sha256", "blake3", "sha256 and blake3"):
        verdict = compare(decision, hashed(BOTH, *said.split(" and ")))
        assert (verdict.word, verdict.digest, verdict.equal, verdict.total) == (Word.VERIFIED, said, 2, 2)


def test_a_seal_whose_two_digests_mean_two_files_is_contradictory() -> None:
    """A thief signs the sha256 of one file and the blake3 of another: scanners would see one, we the other."""
    two_faced = (BOTH[0], replace(BOTH[1], blake3=bytes(32)))
    decision = world_with(two_faced).ask(REPO)
    verdict = compare(decision, hashed(BOTH, "sha256", "blake3"))
    assert verdict.word == Word.FAILED
    assert [(one.kind, one.name) for one in verdict.findings] == [("contradictory", "model.safetensors")]


def test_blake3_is_hashed_if_the_seal_has_it_and_nothing_else_could_fit() -> None:
    sizes = {file.name: file.size for file in BOTH}
    world = world_with(BOTH)
    assert digests_wanted(world.ask(REPO), sizes) == {"blake3"}
    without = tuple(replace(file, blake3=None) for file in BOTH)
    assert digests_wanted(world_with(without).ask(REPO), sizes) == {"sha256"}
    newer = tuple(make.file(f.name, b"n") for f in BOTH)
    world.publish(REPO, 2, CI, tuple(replace(f, blake3=f.sha256) for f in newer))
    assert digests_wanted(world.ask(REPO), {f.name: f.size for f in newer}) == {"blake3"}
    assert digests_wanted(world.ask(REPO), sizes) == {"sha256"}  # perhaps the older one: filesets are over sha256


def test_what_is_not_a_file_fails_whatever_the_files_are() -> None:
    decision = world_with(BOTH).ask(REPO)
    link = Finding("link", "loader.py")
    verdict = compare(decision, hashed(BOTH, "sha256"), (link,))
    assert verdict.word == Word.FAILED
    assert link in verdict.findings


def test_a_file_that_no_seal_can_hold_is_an_added_file() -> None:
    decision = world_with(BOTH).ask(REPO)
    for name in ("a\nb", "con", ".git2/../x", "a\u202egpj.exe"):
        verdict = compare(decision, (*hashed(BOTH, "sha256"), Local(name, 1, bytes(32))))
        assert verdict.word == Word.FAILED
        assert [(one.kind, one.name) for one in verdict.findings] == [("added", name)]
        assert "\n" not in verdict.says and "\u202e" not in names.printable(verdict.findings[0].name)


PROGRAMS = {
    "loader.py": True, "sub/Start.BAT": True, "a.SO": True, "notebook.ipynb": True, "lib.so.1": False,
    "model.safetensors": False, "py": False, "README.md": False, "a.p\u017f1": True,
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_named_as_a_program(name: str) -> None:
    assert is_program(name) == PROGRAMS[name]


def test_programs_come_first() -> None:
    decision = world_with(BOTH).ask(REPO)
    more = (Local("a.txt", 1, bytes(32)), Local("z.py", 1, bytes(32)))
    verdict = compare(decision, (*hashed(BOTH[1:], "sha256"), *more))
    assert [one.name for one in verdict.findings] == ["z.py", "a.txt", "config.json"]
    assert verdict.says == ": 1 file is missing, 2 files were added; do not load this folder"
