"""One world that an address serves, and somebody with good files and with bad ones.

with scene(tmp_path) as scene:
    scene.someone.run(*VERIFY).says(0, "VERIFIED")
    scene.serve(answers={EVIDENCE: b"lies"})
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from modelseal.formats.manifest import File
from modelseal.formats.records import Release
from tests.support import make
from tests.support.client import Address, Answer, Someone, sealed_files
from tests.support.world import World

ANA, BEN, CI, EVIL = make.key("ana"), make.key("ben"), make.key("ci"), make.key("evil")
ACME = "hf://acme-lab"
REPO = f"{ACME}/atlas-7b"
NAME = "acme-lab/atlas-7b"
EVIDENCE = f"evidence/{NAME}"
GOOD = {"config.json": b'{"model_type": "atlas"}', "model.safetensors": bytes(range(256)) * 40}
BAD = {**GOOD, "model.safetensors": bytes(reversed(range(256))) * 40}
NEWER = {**GOOD, "model.safetensors": b"newer" * 2000}
VERIFY = ("verify", "./atlas-7b", "--repo", NAME)


def acme(now: int | None = None, world: World | None = None) -> World:
    """A log in which ana owns acme-lab and ci has sealed GOOD as its atlas-7b."""
    world = world or World(now=now or int(time.time()))
    world.claim(ACME, [ANA], [(CI, f"{ACME}/*")])
    world.publish(REPO, 1, CI, sealed_files(GOOD))
    return world


def publish(world: World, number: int, contents: Mapping[str, bytes], repo: str = REPO) -> Release:
    """Have ci seal *contents* at `make.revision(number)`; return what was logged."""
    record = world.publish(repo, number, CI, files_of(contents)).record
    assert isinstance(record, Release)
    return record


def files_of(contents: Mapping[str, bytes]) -> tuple[File, ...]:
    return sealed_files(dict(contents))


class Scene:
    def __init__(self, folder: Path, world: World, address: Address) -> None:
        self.world, self.address = world, address
        address.serve(world.files())
        self.someone = Someone(folder, world, address)
        self.someone.folder("atlas-7b", GOOD)
        self.someone.folder("bad", BAD)

    def serve(self, world: World | None = None, answers: Mapping[str, Answer] | None = None) -> None:
        """Serve *world* (default: the honest one) and the trust root, with *answers* in the place of some files."""
        self.address.serve({**(world or self.world).files(), **self.someone.trust_files})
        self.address.files.update(answers or {})

    def bad_is_never_verified(self) -> None:
        for revision in ("", f"@{make.revision(1)}", f"@{make.revision(66)}"):
            ran = self.someone.types("verify", "./bad", "--repo", f"{NAME}{revision}")
            assert ran.code in (1, 5, 6, 8) and "VERIFIED" not in ran.out, ran


@contextlib.contextmanager
def scene(folder: Path, world: World | None = None) -> Iterator[Scene]:
    with Address() as address:
        yield Scene(folder, world or acme(), address)
