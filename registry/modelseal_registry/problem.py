"""Problem documents (RFC 9457): what every answer from 400 on is.

    {"detail":"no such path","status":404,"title":"Not Found","type":"about:blank"}

The status says what kind of problem it is, so `type` is `about:blank` and `title` the status's own name; `detail` is a
text for people, with both values where there are two.
"""

from __future__ import annotations

from http import HTTPStatus

from modelseal.formats import strict

CONTENT_TYPE = "application/problem+json"


def encode(status: int, detail: str) -> bytes:
    """Return the document; a lone surrogate in *detail*, which JSON cannot carry, is escaped."""
    value = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return strict.encode(value).encode("utf-8", "backslashreplace")
