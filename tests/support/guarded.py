"""A guard in this process, between a Hub double and whoever asks.

with guarded(tmp_path) as here:
    here.hub.commit("models/acme-lab/atlas-7b", GOOD, id=make.revision(1))
    here.get("/acme-lab/atlas-7b/resolve/main/config.json").status
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelseal.hubproxy import Ledger, Server, Spool, Upstream
from modelseal.journeys.allow import Allowing
from modelseal.journeys.ask import Where
from modelseal.journeys.gate import Gate
from tests.support import make
from tests.support.hub import Hub
from tests.support.scene import GOOD, NAME, Scene, scene
from tests.support.world import World

MODEL = f"models/{NAME}"
FILE = f"/{NAME}/resolve/main"
WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Got:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def says(self) -> str:
        """The words that a Hub client shows."""
        return self.headers.get("x-error-message", "")


class Guarded:
    def __init__(self, scene: Scene, hub: Hub, server: Server) -> None:
        self.scene, self.hub, self.server = scene, hub, server

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def ledger(self) -> Ledger:
        return self.server.ledger

    def get(
        self, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", body: bytes | None = None
    ) -> Got:
        """Ask on a connection of its own. A body that ends too early is an `http.client.IncompleteRead`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=WAIT_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Got(answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read())

    def head(self, path: str, headers: Mapping[str, str] | None = None) -> Got:
        return self.get(path, headers, method="HEAD")

    def files_asked(self) -> list[str]:
        """Which files the Hub was asked for, each time."""
        return [path for method, path in self.hub.asked if method == "GET" and "/resolve/" in path]


@contextlib.contextmanager
def guarded(folder: Path, world: World | None = None, *, allowing: Allowing | None = None) -> Iterator[Guarded]:
    """The Hub has the sealed files at the sealed commit; the environment names registry and Hub while this lasts."""
    with scene(folder / "scene", world) as one, Hub() as hub:
        hub.commit(MODEL, GOOD, id=make.revision(1))
        before = dict(os.environ)
        for name in [name for name in os.environ if name.startswith(("HF_", "MODELSEAL_"))]:
            del os.environ[name]
        os.environ |= {"MODELSEAL_HOME": str(one.someone.home), "HF_ENDPOINT": hub.url}
        (folder / "spool").mkdir()
        server = Server(Gate(Where(), allowing), Upstream(hub.url), Spool(folder / "spool"), Ledger())
        server.start()
        try:
            yield Guarded(one, hub, server)
        finally:
            server.close(0)
            os.environ.clear()
            os.environ.update(before)
