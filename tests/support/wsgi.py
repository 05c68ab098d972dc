"""Ask a WSGI application without a server."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from modelseal_registry.static import Wsgi


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]  # lower-case names
    body: bytes


def ask(
    app: Wsgi, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """Return what *app* answers; *headers* by their HTTP names. With a body, its length is said unless it is given."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body or b""),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    said = dict(headers or {})
    if body is not None:
        said.setdefault("Content-Length", str(len(body)))
    for name, value in said.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    got: list[Any] = []

    def start_response(status: str, found: list[tuple[str, str]], *_: object) -> None:
        names = [name.lower() for name, _ in found]
        assert len(set(names)) == len(names), f"a header twice: {names}"
        got[:] = [int(status[:3]), {name.lower(): value for name, value in found}]

    data = b"".join(app(environ, start_response))
    return Answer(got[0], got[1], data)
