"""What became of every file: one row each, what matters most first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelseal.compare import Local, compare
from modelseal.judged import judge
from modelseal.verdict import Finding, Judged, Verdict
from tests.support import make
from tests.support.client import sealed_files
from tests.support.world import World

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
REPO = "hf://acme-lab/atlas-7b"
MODEL = {"a.txt": b"a", "b.txt": b"bb", "config.json": b"{}", "model.safetensors": b"weights"}


@pytest.fixture(scope="module")
def world() -> World:
    world = World()
    world.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    world.publish(REPO, 1, CI, sealed_files(MODEL))
    return world


def local(contents: dict[str, bytes], *, blake3: bool = True, sha256: bool = False) -> tuple[Local, ...]:
    return tuple(
        Local(one.name, one.size, one.sha256 if sha256 else None, one.blake3 if blake3 else None)
        for one in sealed_files(contents)
    )


def of(verdict: Verdict, files: tuple[Local, ...]) -> list[Judged]:
    return list(judge(verdict, files, ignored=("model.sig",), skipped=(".cache/huggingface/.gitignore",)))


def statuses(found: list[Judged]) -> list[tuple[str, str]]:
    return [(one.status, one.name) for one in found]


def test_a_verified_folder_has_a_row_for_every_file_and_for_what_was_passed_over(world: World) -> None:
    files = local(MODEL)
    found = of(compare(world.ask(REPO), files), files)
    assert statuses(found) == [
        *(("verified", name) for name in MODEL), ("ignored", "model.sig"), ("skipped", ".cache/huggingface/.gitignore"),
    ]  # fmt: skip
    one = found[0]
    sealed = sealed_files(MODEL)[0]
    assert (one.size, one.sealed_size, one.compared) == (1, 1, "blake3")
    assert one.found == (("blake3", (sealed.blake3 or b"").hex()),)
    assert dict(one.expected) == {"sha256": sealed.sha256.hex(), "blake3": (sealed.blake3 or b"").hex()}


def test_what_can_run_stands_first_then_other_additions_differences_and_the_rest(world: World) -> None:
    files = local({"a.txt": b"a", "b.txt": b"longer", "config.json": b"[]", "x.py": b"", "a.new": b""})
    verdict = compare(world.ask(REPO), files, (Finding("link", "z", found="a link"), Finding("ignored", ".git")))
    assert statuses(of(verdict, files)) == [
        ("added", "x.py"), ("disguised", ".git"), ("link", "z"), ("added", "a.new"), ("differs", "config.json"),
        ("resized", "b.txt"), ("missing", "model.safetensors"), ("verified", "a.txt"), ("ignored", "model.sig"),
        ("skipped", ".cache/huggingface/.gitignore"),
    ]  # fmt: skip
    found = {one.name: one for one in of(verdict, files)}
    assert (found["b.txt"].size, found["b.txt"].sealed_size) == (6, 2)
    assert dict(found["config.json"].expected)["blake3"] != dict(found["config.json"].found)["blake3"]
    assert (found["model.safetensors"].size, found["model.safetensors"].found) == (None, ())
    assert found["z"].detail == "a link"


def test_nothing_is_called_verified_that_was_not_compared(world: World) -> None:
    files = tuple(replace(one, blake3=None) for one in local(MODEL))
    unknown = compare(world.ask("hf://acme-lab/other"), files)
    assert {one.status for one in of(unknown, files)[:4]} == {"not-compared"}
    assert all(one.expected == () for one in of(unknown, files))


def test_the_files_of_an_older_release_are_verified_by_its_fileset(world: World) -> None:
    other = World()
    other.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    other.publish(REPO, 1, CI, sealed_files(MODEL))
    other.publish(REPO, 2, CI, sealed_files({**MODEL, "a.txt": b"b"}))
    files = local(MODEL, blake3=False, sha256=True)
    found = of(compare(other.ask(REPO), files), files)[:4]
    assert [(one.status, one.compared) for one in found] == [("verified", "sha256")] * 4


def test_without_the_seal_nothing_is_said_of_single_files(world: World) -> None:
    decision = replace(world.ask(REPO), statement=None)
    files = local({**MODEL, "a.txt": b"b"}, sha256=True)
    assert {one.status for one in of(compare(decision, files), files)[:4]} == {"not-compared"}
