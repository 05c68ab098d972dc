"""The other side of the web rows: a Flask view that answers with N bytes that it has already, nothing else, and a
function that does so without Flask: the least that this server can spend on a request to Python.

`python -m tests.bench.plain WORKERS` serves it with the registry's own server and settings, and says READY and its URL.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from typing import Any

from flask import Flask, Response

from modelseal_registry.server import Server, bind, url_of
from modelseal_registry.static import Environ, StartResponse

app = Flask(__name__)


@cache
def _body(size: int) -> bytes:
    return b"x" * size


@app.get("/plain/<int:size>")
def plain(size: int) -> Response:
    return Response(_body(size), mimetype="application/octet-stream")


def bare(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"].startswith("/bare/"):
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return [_body(int(environ["PATH_INFO"][6:]))]
    return app(environ, start_response)


def load() -> Any:
    return bare


def main() -> None:
    # By its name, not as __main__: the workers look it up again.
    from tests.bench import plain as module

    with bind("127.0.0.1:0") as sock:
        url = url_of(sock)
        server = Server(sock, module.load, workers=int(sys.argv[1]))
        server.run(started=lambda: print(f"READY {url}", flush=True), stopped=lambda: None)


if __name__ == "__main__":
    main()
