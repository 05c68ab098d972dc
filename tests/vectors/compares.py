"""Vectors of files against the release that was decided on."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import replace

from modelseal.formats.evidence import Evidence
from modelseal.formats.manifest import File, fileset
from modelseal.formats.records import Release
from modelseal.gather import gather
from tests.support import make
from tests.support.vectors import Vector, vector
from tests.support.world import World
from tests.vectors import seen
from tests.vectors.cases import REPO, Case
from tests.vectors.decisions import ANA, CI, GOOD, NEWER, NINE, NS, ONE, TWO, world


def make_vectors() -> Iterator[Vector]:
    """Body: the files at hand, a line each: sha256, blake3 or -, size, name."""
    w = world()
    two = w.publish(REPO, 2, CI, NEWER).record
    assert isinstance(two, Release)

    def local(files: Iterable[File]) -> str:
        lines = (f"{f.sha256.hex()} {f.blake3.hex() if f.blake3 else '-'} {f.size} {f.name}\n" for f in files)
        return "".join(lines)

    def case(
        phrase: str,
        expect: str,
        files: Iterable[File],
        *,
        revision: str | None = None,
        release: str | None = None,
        findings: Iterable[str] = (),
        evidence: bytes | None = None,
        at: World = w,
        why: str | None = None,
        partial: bool = False,
    ) -> Vector:
        data = evidence or gather(at.reader(), REPO, revision)
        base = Case(phrase, expect, data, at, revision=revision, release=release, why=why)
        headers = [("evidence", base64.b64encode(data).decode()), *base.headers(), *(("finding", f) for f in findings)]
        headers += [("partial", "yes")] if partial else []
        return vector("compare", phrase, expect, local(files), headers)

    yield case("the newest release", "verified", NEWER, release=TWO)
    yield case("the older release, none asked", "verified", GOOD, release=ONE)
    yield case("the older release by its commit", "verified", GOOD, revision=ONE, release=ONE)
    yield case("the older release at the newer commit", "failed", GOOD, revision=TWO)
    yield case("the newest release at a commit nobody sealed", "verified", NEWER, revision=NINE, release=TWO)
    yield case("the older release at a commit nobody sealed", "failed", GOOD, revision=NINE)
    flipped = (NEWER[0], make.file("model.safetensors", b"Newer weights"))
    yield case("one flipped byte", "failed", flipped, findings=["differs model.safetensors"])
    short = (NEWER[0], make.file("model.safetensors", b"newer weight"))
    yield case("a truncated file", "failed", short, findings=["resized model.safetensors"])
    yield case("a missing file", "failed", NEWER[:1], findings=["missing model.safetensors"])
    added = (*NEWER, make.file("loader.py", b"import os"))
    yield case("an added program", "failed", added, findings=["added loader.py"])
    renamed = (NEWER[0], replace(NEWER[1], name="model2.safetensors"))
    both = ["added model2.safetensors", "missing model.safetensors"]
    yield case("a renamed file", "failed", renamed, findings=both)
    swapped = (replace(NEWER[0], name=NEWER[1].name), replace(NEWER[1], name=NEWER[0].name))
    names = ["resized config.json", "resized model.safetensors"]
    yield case("two files swapped", "failed", swapped, findings=names)
    yield case("no files", "failed", (), findings=["missing config.json", "missing model.safetensors"])
    case_only = (NEWER[0], replace(NEWER[1], name="Model.safetensors"))
    both = ["added Model.safetensors", "missing model.safetensors"]
    yield case("another case of a name", "failed", case_only, findings=both)
    without = replace(Evidence.parse(w.evidence(REPO)), seal=None).encode()
    yield case("without the seal, by the fileset", "verified", NEWER, release=TWO, evidence=without)
    folder = ["differs the folder as a whole"]
    yield case("without the seal, a flipped byte", "failed", flipped, evidence=without, findings=folder)

    yield case("a part of the newest release", "verified", NEWER[:1], release=TWO, partial=True)
    yield case("all of the newest release as a part", "verified", NEWER, release=TWO, partial=True)
    yield case("a part at a commit nobody sealed", "verified", NEWER[:1], revision=NINE, release=TWO, partial=True)
    yield case("all of the older release as a part", "verified", GOOD, release=ONE, partial=True)
    yield case(
        "a part with a flipped byte", "failed", flipped[1:], findings=["differs model.safetensors"], partial=True
    )
    part = (NEWER[0], make.file("loader.py", b"import os"))
    yield case("a part with an added program", "failed", part, findings=["added loader.py"], partial=True)
    yield case("no files as a part", "failed", (), partial=True)
    yield case("a part without the seal", "unavailable", NEWER[:1], evidence=without, partial=True)
    yield case("all without the seal as a part", "verified", NEWER, release=TWO, evidence=without, partial=True)

    gone = world()
    record = gone.publish(REPO, 2, CI, NEWER).record
    assert isinstance(record, Release)
    gone.revoke(REPO, record.seal, [ANA], "compromised")
    why = "REVOKED (compromised)"
    yield case("files of a revoked release", "failed", NEWER, at=gone, why=why)
    yield case("files of the release before", "verified", GOOD, at=gone, release=ONE)
    everywhere = world()
    everywhere.publish(REPO, 2, CI, NEWER)
    everywhere.revoke_everywhere(NS, fileset(GOOD), [ANA])
    why = "REVOKED (malicious)"
    yield case("contents revoked everywhere", "failed", GOOD, at=everywhere, why=why)
    yield case("the release beside contents revoked everywhere", "verified", NEWER, at=everywhere, release=TWO)

    two_faced = (NEWER[0], replace(NEWER[1], blake3=bytes(32)))
    double = world()
    double.publish(REPO, 2, CI, two_faced)
    names = ["contradictory model.safetensors"]
    honest = (NEWER[0], replace(NEWER[1], blake3=bytes(31) + b"\1"))
    yield case("only sha256 fits, blake3 does not", "failed", honest, at=double, findings=names)
    yield case("both digests fit", "verified", two_faced, at=double, release=TWO)

    yield from seen.compares()
