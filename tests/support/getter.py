"""Somebody who downloads: a log with releases, a Hub that has them, and a Hub cache.

with Hub() as hub:
    a_hub(hub)
    getter = Getter(Someone(tmp_path, world, address), hub)      # of `a_world()`
    getter.get(NAME).says(0, "VERIFIED")
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support import make
from tests.support.cache import HubCache
from tests.support.client import Address, Ran, Someone, sealed_files
from tests.support.hub import Hub
from tests.support.world import World

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
ONE, TWO, NINE = (make.revision(n) for n in (1, 2, 9))
NAME, REPO = "acme-lab/atlas-7b", "models/acme-lab/atlas-7b"
CACHED = "models--acme-lab--atlas-7b"
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 40, "sub/tokenizer.json": b"[7]"}
NEWER = {**FILES, "config.json": b"[]"}
NOT_SEALED = {".gitattributes": b"*.safetensors filter=lfs\n", "model.sig": b"{}"}


def a_world(world: World | None = None) -> World:
    """A log in which acme-lab has sealed FILES, then NEWER, as atlas-7b, and FILES as a dataset and a Space."""
    world = world or World(now=int(time.time()))
    world.claim("hf://acme-lab", [ANA], [(CI, f"hf://{kind}acme-lab/*") for kind in ("", "datasets/", "spaces/")])
    world.publish(f"hf://{NAME}", 1, CI, sealed_files(FILES))
    world.publish(f"hf://{NAME}", 2, CI, sealed_files(NEWER))
    world.publish("hf://datasets/acme-lab/corpus", 1, CI, sealed_files(FILES))
    world.publish("hf://spaces/acme-lab/demo", 1, CI, sealed_files(FILES))
    return world


def a_hub(hub: Hub) -> None:
    """Put all of that at the Hub, with files that no seal covers."""
    for repo in (REPO, "datasets/acme-lab/corpus", "spaces/acme-lab/demo"):
        hub.commit(repo, {**FILES, **NOT_SEALED}, id=ONE)
    hub.tag(REPO, "v1")
    hub.commit(REPO, NEWER, id=TWO)


class Getter:
    """Somebody with a Hub cache, and the Hub."""

    def __init__(self, someone: Someone, hub: Hub) -> None:
        self.someone, self.hub = someone, hub
        self.cache = someone.home / "hub"
        self.kept = HubCache(self.cache)

    @property
    def env(self) -> dict[str, str]:
        hub = {"HF_ENDPOINT": self.hub.url, "HF_HUB_CACHE": str(self.cache), "HF_HUB_DISABLE_XET": "1"}
        return {"MODELSEAL_HOME": str(self.someone.home), **hub}

    def get(self, *words: str | Path, **env: str) -> Ran:
        return self.someone.types("get", *words, env={**self.env, **env})

    def downloads(self) -> list[str]:
        """Files that were asked for, and forget them."""
        found = [path for method, path in self.hub.asked if method == "GET" and "/resolve/" in path]
        self.hub.asked.clear()
        return sorted(path.split("/resolve/")[1].partition("/")[2] for path in found)

    def snapshot(self, commit: str = TWO, repo: str = CACHED) -> Path:
        return self.cache / repo / "snapshots" / commit

    def there(self, commit: str = TWO, repo: str = CACHED) -> dict[str, bytes]:
        return read(self.snapshot(commit, repo))

    def waiting(self) -> list[Path]:
        """What is kept of downloads that have not ended."""
        return sorted((self.cache / ".locks/modelseal").glob("*"))


def read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if not path.is_dir()}


@contextlib.contextmanager
def getting(folder: Path, world: World, address: Address) -> Iterator[Getter]:
    with Hub() as hub:
        a_hub(hub)
        yield Getter(Someone(folder, world, address), hub)
