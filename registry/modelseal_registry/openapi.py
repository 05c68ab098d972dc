"""The OpenAPI 3.1 description at `/openapi.json`: what every path takes and answers.

The tests hold it against a running server. What a record, a seal or an evidence file must be beyond its JSON form
stands in FORMAT.md and in `manifests/schema`; paths of tiles beyond the first thousand have more parts than a template
can say.
"""

from __future__ import annotations

import functools
import json
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from modelseal.formats import paths
from modelseal_registry import metrics, problem

JSON = "application/json"
BYTES = "application/octet-stream"
_HEX = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_THREE = {"type": "string", "pattern": "^[0-9]{3}$"}
_WIDTH = {"type": "integer", "minimum": 1, "maximum": 255}
_NAME = "[A-Za-z0-9_]([A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"  # not all of these: two dots or hyphens together are a 400


@functools.cache
def document(*, writes: bool) -> bytes:
    """Return the description, with `/records` only where records are taken."""
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "ModelSeal registry" if writes else "ModelSeal registry, for reading",
            "version": version("modelseal"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Nothing that is answered here is to be believed without its proof: see FORMAT.md.",
        },
        "paths": {"/" + path: {"get": value} for path, value in _reads().items()},
        "components": {"schemas": _SCHEMAS, "headers": _HEADERS},
    }
    if writes:
        found["paths"]["/" + paths.RECORDS] = {"post": _write()}
    return json.dumps(found, sort_keys=True, separators=(",", ":")).encode()


def _reads() -> dict[str, Any]:
    reads: dict[str, Any] = {
        paths.CHECKPOINT: _get("The newest checkpoint: a signed note.", "text/plain; charset=utf-8"),
        "trust/timestamp.json": _get("The timestamp of the trust root (TUF).", JSON),
        "trust/{version}.root.json": _get(
            "A version of the root of trust (TUF).", JSON, 404, version={"type": "integer", "minimum": 1}
        ),
        "tile/{level}/{index}": _get("A tile of 256 hashes.", BYTES, 404, level=_LEVEL, index=_THREE),
        "tile/{level}/{index}.p/{width}": _get(
            "A tile of fewer hashes.", BYTES, 404, level=_LEVEL, index=_THREE, width=_WIDTH
        ),
        "tile/entries/{index}": _get("256 leaves.", BYTES, 404, index=_THREE),
        "tile/entries/{index}.p/{width}": _get("Fewer leaves.", BYTES, 404, index=_THREE, width=_WIDTH),
        "index/{digest}": _get("A tile or bucket of the index.", BYTES, 404, digest=_HEX),
        "blob/{digest}": _get("What an identity names as evidence.", BYTES, 404, digest=_HEX),
        "seal/sha256/{digest}": _get("A seal, by the digest of its bundle.", BYTES, 404, digest=_HEX),
        paths.HEALTH: _get("Whether all is well; if not, what is wrong.", JSON, 429, schema="Health", kept=False),
        paths.METRICS: _get("Counters, for Prometheus.", metrics.CONTENT_TYPE, 429, kept=False),
        paths.OPENAPI: _get("This description.", JSON),
    }
    for prefix in ("", "datasets/", "spaces/"):
        reads[f"evidence/{prefix}{{owner}}/{{name}}"] = _get(
            "All that is needed to decide about a repo; of one that nobody sealed, the proof of that.", JSON, 400, 404,
            429, schema="Evidence", owner={"type": "string", "pattern": f"^{_NAME}$"},
            name={"type": "string", "pattern": f"^{_NAME}(@[0-9a-f]{{40}})?$"},
        )  # fmt: skip
    return reads


_LEVEL = {"type": "integer", "minimum": 0, "maximum": 7}


def _get(
    says: str, kind: str, *more: int, schema: str | None = None, kept: bool = True, **parameters: dict[str, Any]
) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{schema}"}} if schema else {}
    headers = {"Cache-Control": _header("Cache-Control")} | ({} if kept else {"X-Request-Id": _header("X-Request-Id")})
    return {
        "summary": says,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": value} for name, value in parameters.items()
        ],
        "responses": {
            "200": {"description": "As asked for.", "headers": headers, "content": {kind: content}},
            **_refusals(*more, 503),
        },
    }


def _write() -> dict[str, Any]:
    def answer(says: str, schema: str) -> dict[str, Any]:
        return {
            "description": says,
            "headers": {"X-Request-Id": _header("X-Request-Id")},
            "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
        }

    return {
        "summary": "Submit a record or a claim.",
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"$ref": "#/components/schemas/Submission"}}},
        },
        "responses": {
            "200": answer("Logged, with its proof.", "Logged"),
            "202": answer("Taken, not logged yet.", "Waits"),
            **_refusals(400, 403, 408, 409, 411, 413, 415, 429, 503),
        },
    }


def _refusals(*statuses: int) -> dict[str, Any]:
    content = {problem.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found: dict[str, Any] = {}
    for status in statuses:
        headers = {"Retry-After": _header("Retry-After")} if status in (429, 503) else {}
        found[str(status)] = {"description": HTTPStatus(status).phrase, "headers": headers, "content": content}
    return found


def _header(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}


_HEADERS = {
    "Cache-Control": {"description": "How long it may be kept.", "required": True, "schema": {"type": "string"}},
    "X-Request-Id": {
        "description": "Under which the server has logged it.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$"},
    },
    "Retry-After": {
        "description": "Seconds.", "required": False, "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
}  # fmt: skip


def _object(required: dict[str, Any], *, closed: bool = True) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": required,
        "required": sorted(required),
        **({"additionalProperties": False} if closed else {}),
    }


_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_SCHEMAS = {
    "Problem": _object(
        {
            "type": {"const": "about:blank"},
            "title": {"type": "string", "minLength": 1},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "minLength": 1},
        }
    ),
    "Health": _object({"status": {"const": "ok"}, "size": _COUNT, "age_s": _COUNT}, closed=False),
    "Submission": _object(
        {
            "v": {"const": 1},
            "record": {"type": "string", "maxLength": 40960},
            "signatures": {"type": "array", "items": {"type": "object"}},
            "seal": {"type": ["string", "null"], "maxLength": 33554432},
        }
    ),
    "Logged": _object({"index": _COUNT, "leaf": _TEXT, "proof": _TEXT}),
    "Waits": _object({"waits_for": _TEXT}),
    "Evidence": _object(
        {
            "v": {"const": 1},
            "repo": _TEXT,
            "checkpoint": _TEXT,
            "last": {"type": "object"},
            "lookups": {"type": "object"},
            "leaves": {"type": "array", "items": {"type": "object"}},
            "seal": {"type": ["string", "null"]},
        }
    ),
}
