"""What the Hub lists against what was decided: named cases, and properties over listings of all kinds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelseal.compare import Local, compare
from modelseal.formats import manifest
from modelseal.formats.manifest import File
from modelseal.formats.records import Release
from modelseal.listed import HubFile, HubListing, claimed_owner, compare_listing, ignored
from modelseal.verdict import Decision, Finding, Verdict, Word
from tests.support import make
from tests.support.hubparts import git_id
from tests.support.world import OPS, WATCHER, WEEK, World

ANA, CI = make.key("ana"), make.key("ci")
ACME = "hf://acme-lab"
REPO = f"{ACME}/atlas-7b"
CONTENTS = {"config.json": b"{}", "model.safetensors": b"weights", "sub/tokenizer.json": b"[]"}


def sealed(contents: dict[str, bytes], *, gitoid: bool = False) -> tuple[File, ...]:
    return tuple(
        File(name, len(data), hashlib.sha256(data).digest(), gitoid=git_id(b"blob", data) if gitoid else None)
        for name, data in sorted(contents.items())
    )


def at_hub(name: str, data: bytes) -> HubFile:
    large = name.endswith(".safetensors")
    return HubFile(name, len(data), git_id(b"blob", data), hashlib.sha256(data).digest() if large else None)


def listing(files: Iterable[HubFile], commit: str = make.revision(1), repo: str = REPO) -> HubListing:
    return HubListing(REPO, repo, commit, tuple(sorted(files, key=lambda file: file.name)))


def listed(contents: dict[str, bytes], commit: str = make.revision(1)) -> HubListing:
    return listing((at_hub(name, data) for name, data in contents.items()), commit)


def world(contents: dict[str, bytes] = CONTENTS, *, gitoid: bool = False, hub_owner_id: str | None = None) -> World:
    found = World()
    text = make.claim(ACME, [ANA], [(CI, f"{ACME}/*")], hub_owner_id=hub_owner_id)
    found.log(make.identity(text, [ANA]), [OPS])
    found.publish(REPO, 1, CI, sealed(contents, gitoid=gitoid))
    return found


@pytest.fixture(scope="module")
def decision() -> Decision:
    return world().ask(REPO)


def kinds(verdict: Verdict) -> set[tuple[str, str]]:
    return {(one.kind, one.name) for one in verdict.findings}


def test_the_same_is_sealed_and_nothing_is_verified(decision: Decision) -> None:
    verdict = compare_listing(decision, listed(CONTENTS))
    assert (verdict.word, verdict.equal, verdict.total, verdict.complete) == (Word.SEALED, 3, 3, False)
    assert verdict.says == ", sealed by Acme Lab (acme.example) (owner not checked)"
    assert {one.status for one in verdict.files} == {"listed"}
    assert {one.name: one.compared for one in verdict.files} == {
        "config.json": None,
        "model.safetensors": "sha256",
        "sub/tokenizer.json": None,
    }


CASES: dict[str, tuple[dict[str, bytes | None], set[tuple[str, str]]]] = {
    "added": ({"loader.py": b"x"}, {("added", "loader.py")}),
    "missing": ({"config.json": None}, {("missing", "config.json")}),
    "resized": ({"config.json": b"{ }"}, {("resized", "config.json")}),
    "other weights": ({"model.safetensors": b"WEIGHTS"}, {("differs", "model.safetensors")}),
    "renamed": (
        {"config.json": None, "Config.json": b"{}"},
        {("missing", "config.json"), ("added", "Config.json")},
    ),
    "a name like an ignored one": ({".Gitignore": b"x"}, {("added", ".Gitignore")}),
    "below an ignored file": ({"model.sig/x": b"x"}, {("added", "model.sig/x")}),
    "ignored names": ({".gitattributes": b"x", "model.sig": b"x", ".github/x": b"x", ".git/x": b"y"}, set()),
}


@pytest.mark.parametrize("case", CASES)
def test_differences_are_those_of_compare(decision: Decision, case: str) -> None:
    changes, expected = CASES[case]
    contents = {name: data for name, data in {**CONTENTS, **changes}.items() if data is not None}
    verdict = compare_listing(decision, listed(contents))
    assert kinds(verdict) == expected
    assert verdict.word == (Word.FAILED if expected else Word.SEALED)
    if expected:
        assert f"the Hub lists other files at {make.revision(1)} than were sealed: 1 file" in verdict.says


def test_a_small_file_shows_where_the_seal_has_gits_id() -> None:
    other = {**CONTENTS, "config.json": b"[]"}
    assert compare_listing(world().ask(REPO), listed(other)).word == Word.SEALED  # nobody can tell, and it is said
    verdict = compare_listing(world(gitoid=True).ask(REPO), listed(other))
    assert kinds(verdict) == {("differs", "config.json")}
    assert verdict.findings[0].expected == f"git:{git_id(b'blob', b'{}')}"
    same = compare_listing(world(gitoid=True).ask(REPO), listed(CONTENTS))
    assert same.word == Word.SEALED and not any("sha256" in note for note in same.notes)


def test_with_all_digests_the_whole_fileset_is_compared(decision: Decision) -> None:
    assert compare_listing(decision, listed(CONTENTS), files=sealed(CONTENTS)).word == Word.SEALED
    other = {**CONTENTS, "config.json": b"[]"}
    verdict = compare_listing(decision, listed(other), files=sealed(other))
    assert (verdict.word, kinds(verdict)) == (Word.FAILED, {("differs", "config.json")})


def test_a_commit_that_is_no_release_passes_as_the_newest_one_alone() -> None:
    decision = world().ask(REPO, make.revision(9))
    verdict = compare_listing(decision, listed(CONTENTS, make.revision(9)))
    assert verdict.word == Word.SEALED and f"{make.revision(9)} itself is not sealed" in verdict.notes[-1]
    verdict = compare_listing(decision, listed({**CONTENTS, "x.py": b""}, make.revision(9)))
    assert verdict.says.startswith(f": {make.revision(9)} is not sealed, and not the same as the release")


def test_without_the_seal_count_sizes_and_weights_are_compared() -> None:
    there = world()
    there.seals.clear()
    decision = there.ask(REPO)
    assert decision.word is None and decision.statement is None
    verdict = compare_listing(decision, listed(CONTENTS))
    assert verdict.word == Word.SEALED and "the seal could not be fetched" in verdict.notes[0]
    for changes in ({"x": b""}, {"config.json": b"[ ]"}, {"model.safetensors": b"WEIGHTS"}):
        verdict = compare_listing(decision, listed({**CONTENTS, **changes}))
        assert verdict.word == Word.FAILED and verdict.findings == (Finding("differs", "the folder as a whole"),)
    other = {**CONTENTS, "config.json": b"[]"}  # the same sizes: only the small file's own digest shows it
    assert compare_listing(decision, listed(other), files=sealed(other)).word == Word.FAILED
    assert compare_listing(decision, listed(CONTENTS), files=sealed(CONTENTS)).word == Word.SEALED


def test_another_owner_is_failed_whatever_is_listed() -> None:
    decision = world(hub_owner_id="c0ffee").ask(REPO)
    assert claimed_owner(decision) == "c0ffee"
    assert compare_listing(decision, listed(CONTENTS), owner="c0ffee").word == Word.SEALED
    assert compare_listing(decision, listed(CONTENTS)).word == Word.SEALED  # nobody asked
    verdict = compare_listing(decision, listed(CONTENTS), owner="dead")
    assert verdict.word == Word.FAILED and verdict.says.startswith(": owner changed: on the Hub acme-lab belongs to")
    assert "dead" in verdict.says and "c0ffee" in verdict.says
    assert claimed_owner(world().ask(REPO)) is None
    assert claimed_owner(world(hub_owner_id="c0ffee").ask(f"{ACME}/other")) is None  # UNKNOWN already


def test_after_a_rename_the_typed_name_is_judged_and_the_other_is_said(decision: Decision) -> None:
    moved = replace(listed(CONTENTS), repo="hf://evil/atlas-7b")
    verdict = compare_listing(decision, moved)
    assert verdict.word == Word.SEALED and "the Hub calls it evil/atlas-7b now" in verdict.notes[-1]
    spelled = compare_listing(decision, replace(moved, repo=REPO.replace("acme", "Acme")))
    assert not any("the Hub calls it" in note for note in spelled.notes)


def test_what_is_decided_already_stays() -> None:
    there = world()
    unknown = there.ask("hf://nobody/x")
    assert compare_listing(unknown, listed(CONTENTS)).word == Word.UNKNOWN
    release = there.publish(REPO, 2, CI, sealed({"a": b"a"})).record
    assert isinstance(release, Release)
    there.revoke(REPO, release.seal, [ANA])
    revoked = there.ask(REPO, make.revision(2))
    verdict = compare_listing(revoked, listed({"a": b"a"}, make.revision(2)))
    assert (verdict.word, verdict.qualifier) == (Word.FAILED, "REVOKED (malicious)")


def test_contents_that_were_revoked_everywhere_are_failed_under_any_name() -> None:
    there = world()
    there.revoke_everywhere(ACME, manifest.fileset(sealed({"evil.py": b"x"})), [ANA])
    decision = there.ask(f"{ACME}/unsealed")
    assert decision.word == Word.UNKNOWN
    verdict = compare_listing(decision, listed({"evil.py": b"x"}), files=sealed({"evil.py": b"x"}))
    assert verdict.word == Word.FAILED and verdict.qualifier.startswith("REVOKED")


def test_what_was_observed_is_compared_as_far_as_a_listing_goes() -> None:
    there = World(observers=[WATCHER])
    there.observe(REPO, 1, files=sealed(CONTENTS))
    there.now += 2 * WEEK
    decision = there.ask(REPO)
    assert decision.word == Word.OBSERVED
    assert compare_listing(decision, listed(CONTENTS)).word == Word.OBSERVED
    verdict = compare_listing(decision, listed({**CONTENTS, "x.py": b""}))
    assert verdict.word == Word.FAILED and "the Hub lists 4 of 11 bytes there" in verdict.says
    other = {**CONTENTS, "config.json": b"[]"}
    assert compare_listing(decision, listed(other)).word == Word.OBSERVED
    assert compare_listing(decision, listed(other), files=sealed(other)).word == Word.FAILED


NAMES = ("config.json", "model.safetensors", "sub/tokenizer.json", "x.py", ".gitattributes", "model.sig", "Config.json")
contents = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([b"", b"{}", b"[]", b"weights", b"WEIGHTS"]))


@given(contents, contents)
def test_sealed_means_that_names_sizes_and_known_digests_are_equal(
    decision: Decision, changed: dict[str, bytes], only: dict[str, bytes]
) -> None:
    for found in ({**CONTENTS, **changed}, only):
        verdict = compare_listing(decision, listed(found))
        there = {name: data for name, data in found.items() if not ignored(name)}
        same = there.keys() == CONTENTS.keys() and all(
            len(data) == len(CONTENTS[name]) and (name != "model.safetensors" or data == CONTENTS[name])
            for name, data in there.items()
        )
        assert (verdict.word == Word.SEALED) == same
        assert bool(verdict) == same and bool(verdict.findings) == (not same)


@given(contents)
def test_it_is_never_milder_than_compare_where_all_digests_are_known(
    decision: Decision, changed: dict[str, bytes]
) -> None:
    found = {name: data for name, data in {**CONTENTS, **changed}.items() if not ignored(name)}
    files = sealed(found)
    by_bytes = compare(decision, tuple(Local(one.name, one.size, one.sha256) for one in files))
    verdict = compare_listing(decision, listed(found), files=files)
    assert (verdict.word == Word.SEALED) == (by_bytes.word == Word.VERIFIED)
    if compare_listing(decision, listed(found)).word == Word.FAILED:
        assert by_bytes.word == Word.FAILED


@pytest.mark.parametrize(
    ("name", "is_ignored"),
    [
        (".gitattributes", True), (".gitignore", True), ("model.sig", True), (".git/config", True), (".git", True),
        (".github/x/y", True), ("sub/.gitattributes", False), (".gitattributes/x", False), ("MODEL.SIG", False),
        ("model.sig/x", False), (".gitmodules", False), (".GITHUB/x", False),
    ],
)  # fmt: skip
def test_what_no_seal_covers_is_spelled_exactly_so(name: str, is_ignored: bool) -> None:
    assert ignored(name) == is_ignored
