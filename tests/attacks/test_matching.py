"""Which release files are compared with, each rule through the real command: a commit id is evidence, not identity."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal.formats.envelope import Bundle
from modelseal.formats.records import Release
from tests.support import make, scene
from tests.support.client import Ran
from tests.support.scene import ACME, ANA, BAD, CI, GOOD, NAME, NEWER, REPO, Scene, files_of, publish

ONE, TWO, THREE, NEVER = (make.revision(number) for number in (1, 2, 3, 99))


class Told:
    """GOOD is sealed at ONE, NEWER at TWO; somebody has folders of both, and of BAD."""

    def __init__(self, found: Scene) -> None:
        self.scene = found
        self.one = _release(found)
        self.two = publish(found.world, 2, NEWER)
        found.someone.folder("good", GOOD)
        found.someone.folder("newer", NEWER)
        found.serve()

    def verify(self, folder: str, revision: str | None = None) -> Ran:
        self.scene.serve()
        return self.scene.someone.types("verify", f"./{folder}", "--repo", NAME + (f"@{revision}" if revision else ""))

    def revoke(self, *releases: Release) -> None:
        for release in releases:
            self.scene.world.revoke(REPO, release.seal, [ANA])

    def verified(self, folder: str, revision: str | None, *words: str) -> None:
        self.verify(folder, revision).says(0, f"VERIFIED (registry's word only) {NAME}, sealed by Acme Lab", *words)

    def failed(self, folder: str, revision: str | None, *words: str) -> None:
        ran = self.verify(folder, revision).says(1, *words)
        assert ran.out.startswith("FAILED") and "VERIFIED" not in ran.out, ran


def _release(found: Scene) -> Release:
    chosen = found.world.ask(REPO).chosen
    assert chosen is not None
    return chosen.release


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    with scene.scene(tmp_path) as found:
        yield Told(found)


def test_no_revision_and_main_mean_the_newest_and_an_older_one_is_said(told: Told) -> None:
    for revision in (None, "main"):
        told.verified("newer", revision, f"revision: {TWO}, the newest release")
        told.verified("good", revision, f"an older release; the newest is {TWO}")
    told.failed("bad", None, "model.safetensors")


def test_a_named_revision_is_only_that_release_older_or_newest(told: Told) -> None:
    told.verified("good", ONE, f"revision: {ONE}")
    told.verified("newer", TWO, f"revision: {TWO}")


def test_a_sealed_revision_with_other_files_fails_also_if_another_release_has_them(told: Told) -> None:
    told.failed("newer", ONE, f"these are the files of {TWO}, not of {ONE}")
    told.failed("good", TWO, f"these are the files of {ONE}, not of {TWO}")
    told.failed("bad", ONE, "model.safetensors, same size")


def test_a_pinned_unsealed_revision_passes_with_the_newest_files_alone(told: Told) -> None:
    told.verified("newer", NEVER, f"{NEVER} itself is not sealed; these are the same files as the newest release")
    told.failed("good", NEVER, f"these are the files of {ONE}, not of {NEVER}")
    told.failed("bad", NEVER, "differs")


def test_what_is_newest_is_asked_of_the_unrevoked(told: Told) -> None:
    told.revoke(told.two)
    told.verified("good", NEVER, f"{NEVER} itself is not sealed")
    told.verified("good", None, f"revision: {ONE}, the newest release")
    told.failed("newer", NEVER, f"FAILED REVOKED (malicious) {NAME}: these are the files of {TWO}")
    told.failed("newer", None, "FAILED REVOKED (malicious)")


def test_a_pinned_unsealed_revision_fails_if_all_is_revoked(told: Told) -> None:
    told.revoke(told.one, told.two)
    for revision in (NEVER, None):
        for folder in ("good", "newer", "bad"):
            told.failed(folder, revision, f"FAILED REVOKED (malicious) {NAME}: every release of it is revoked")


def test_a_twin_of_a_revoked_release_stands_until_it_is_revoked_too(told: Told) -> None:
    """The same files at two commits: a fileset counts as revoked if every release that has it is."""
    twin = publish(told.scene.world, 3, GOOD)
    told.revoke(told.one)
    told.verified("good", None, f"revision: {THREE}, the newest release")
    told.verified("good", THREE)
    told.failed("good", ONE, f"FAILED REVOKED (malicious) {NAME}: the release at {ONE} was revoked")
    told.revoke(twin)
    told.failed("good", None, "FAILED REVOKED (malicious)", "which was revoked; do not use them")
    told.failed("good", THREE, "FAILED REVOKED (malicious)")
    told.verified("newer", None)


def test_contents_revoked_everywhere_take_every_twin_with_them(told: Told) -> None:
    publish(told.scene.world, 3, GOOD)
    publish(told.scene.world, 1, GOOD, f"{ACME}/another")
    told.scene.world.revoke_everywhere(ACME, told.one.fileset, [ANA])
    publish(told.scene.world, 4, GOOD)
    for revision in (None, ONE, THREE, make.revision(4), NEVER):
        told.failed("good", revision, "FAILED REVOKED (malicious)")
    for repo in ("acme-lab/another", "acme-lab/never-sealed"):
        told.scene.someone.types("verify", "./good", "--repo", repo).says(1, f"FAILED REVOKED (malicious) {repo}")
    told.verified("newer", None)


def test_a_commit_that_only_adds_model_sig_is_the_same_release(told: Told) -> None:
    """Publishing it made that commit; nobody has to seal it again."""
    (seal,) = (seal for seal in told.scene.world.seals.values() if _names(seal, TWO))
    (told.scene.someone.here / "newer/model.sig").write_text(seal)
    told.verified("newer", NEVER, f"{NEVER} itself is not sealed; these are the same files as the newest release")
    told.verified("newer", TWO)
    (told.scene.someone.here / "newer/model.sig").write_text("another text: it is not covered, and names nobody")
    told.verified("newer", NEVER)
    (told.scene.someone.here / "newer/loader.py").write_text("import os")
    told.failed("newer", NEVER, "loader.py (program)")


def _names(seal: str, revision: str) -> bool:
    return revision.encode() in Bundle.parse(seal).payload


def test_a_replaced_seal_is_revoked_for_ever_and_the_one_in_its_place_counts(told: Told) -> None:
    world = told.scene.world
    world.publish(REPO, 2, CI, files_of(BAD), also_by=[ANA], replaces=told.two.seal.hex())
    told.verified("bad", TWO, f"revision: {TWO}")
    told.failed("newer", TWO, f"FAILED REVOKED (replaced) {NAME}: these are the files of {TWO}, which was revoked")
    told.failed("newer", None, "FAILED REVOKED (replaced)")
    told.verified("good", None, f"an older release; the newest is {TWO}")
    second = _release(told.scene)
    told.revoke(second)
    told.failed("bad", TWO, f"FAILED REVOKED (malicious) {NAME}: the release at {TWO} was revoked")
    told.failed("newer", TWO, "FAILED REVOKED (malicious)")  # the first does not return
    told.verified("good", None, f"revision: {ONE}, the newest release")


def test_without_the_controllers_nothing_is_replaced(told: Told) -> None:
    world = told.scene.world
    world.publish(REPO, 2, CI, files_of(BAD), replaces=told.two.seal.hex())
    told.failed("bad", TWO, "model.safetensors")
    told.verified("newer", TWO, "has no effect: signed by 0 of 1 controllers")
