"""What the server tells on stderr: one line per event, as text or as JSON.

    modelseal-registry: POST /records 403 in 12 ms from 203.0.113.7, request 5f0c2b9e71d3a684: no scope covers it
    {"address":"203.0.113.7","detail":"...","ms":12,"request":"5f0c2b9e71d3a684","status":403,...}

Submissions and faults are logged. Reads are not: who looks for which model is nobody's business, and `/metrics` counts
them. Headers, bodies and queries are never logged, so no secret is; what is said of a record is escaped.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from modelseal import times
from modelseal.formats import names, strict

NAME = "modelseal-registry"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Log:
    form: Literal["text", "json"] = "text"

    def event(self, text: str) -> None:
        said = names.printable(text, longest=2000)
        self._write(f"{NAME}: {said}", {"event": "message", "text": said})

    def fault(self, path: str, request: str, error: Exception) -> None:
        where = names.printable(path)
        words = names.printable(f"{type(error).__name__}: {error}", longest=500)
        self._write(
            f"{NAME}: fault at {where}, request {request}: {words}",
            {"event": "fault", "path": where, "request": request, "detail": words},
        )

    def request(self, method: str, path: str, status: int, ms: int, address: str, request: str, detail: str) -> None:
        words = names.printable(detail, longest=500)
        text = f"{NAME}: {method} {path} {status} in {ms} ms from {address}, request {request}"
        self._write(
            text + (f": {words}" if words else ""),
            {
                "event": "request", "method": method, "path": path, "status": status, "ms": ms, "address": address,
                "request": request, "detail": words,
            },
        )  # fmt: skip

    def line(self, text: str, value: dict[str, Any]) -> str:
        return text if self.form == "text" else strict.encode({"time": times.rfc3339(int(time.time())), **value})

    def _write(self, text: str, value: dict[str, Any]) -> None:
        line = self.line(text, value)
        os.write(2, line.encode("utf-8", "backslashreplace") + b"\n")  # in one piece, also beside other processes


class Formatter(logging.Formatter):
    """What the HTTP server itself tells, in the same form."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def format(self, record: logging.LogRecord) -> str:
        said = names.printable(record.getMessage(), longest=2000)
        return self._log.line(f"{NAME}: http: {said}", {"event": "http", "text": said})


def request_id(environ: Mapping[str, Any], behind: int) -> str:
    """Return the id under which a request is logged: ours, or that of the proxies that stand before this server."""
    said = environ.get("HTTP_X_REQUEST_ID", "") if behind else ""
    return said if _REQUEST_ID.fullmatch(said) else secrets.token_hex(8)
