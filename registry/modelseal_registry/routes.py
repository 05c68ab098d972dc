"""The dynamic half of the web side: evidence, submissions, health. Answers are JSON, refusals problem documents."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from modelseal import errors
from modelseal.formats import names, paths, strict
from modelseal.formats.leaves import MAX_SUBMISSION
from modelseal_registry import problem
from modelseal_registry.static import FRESH, NEVER, SECURITY

Submit = Callable[[bytes], tuple[int, dict[str, Any]]]
Evidence = Callable[[str], bytes]
Health = Callable[[], dict[str, Any]]

RETRY_S = 2  # seconds, said with 429 and 503

# What went wrong -> status. The first that fits; what is in no row is a fault of ours.
STATUS: tuple[tuple[type[errors.Error], int], ...] = (
    (errors.Pending, 202),
    (errors.Malformed, 400),
    (errors.Conflict, 409),
    (errors.Refused, 403),
    (errors.Unavailable, 503),
)


def make_app(*, evidence: Evidence, health: Health, submit: Submit | None) -> Flask:
    """Return the application. Without *submit* (a mirror) there is no `/records`."""
    app = Flask("modelseal_registry", static_folder=None)
    app.url_map.merge_slashes = False  # clients follow no redirect, so none is ever sent
    app.url_map.redirect_defaults = False

    def view(path: str, method: str) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        return app.route("/" + path, methods=[method], provide_automatic_options=False)

    @view("evidence/<path:name>", "GET")
    def get_evidence(name: str) -> Response:
        return _answer(200, evidence(name), cache=FRESH)

    @view(paths.HEALTH, "GET")
    def get_health() -> Response:
        return _json(200, health())

    if submit is not None:
        take = submit

        @view(paths.RECORDS, "POST")
        def post_record() -> Response:
            if refused := _unreadable():
                return refused
            return _json(*take(request.get_data(cache=False)))

    @app.errorhandler(errors.Error)
    def refuse(error: errors.Error) -> Response:
        status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
        if status == 500:
            return fault(error)
        return _json(status, {"waits_for" if status == 202 else "error": str(error)})

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        answer = _json(status, {"error": _WORDS.get(status, error.name.lower())})
        for header, value in error.get_headers():
            if header == "Allow":
                answer.headers[header] = value
        return answer

    @app.errorhandler(Exception)
    def fault(error: Exception) -> Response:
        words = names.printable(f"{type(error).__name__}: {error}", longest=500)
        print(f"modelseal-registry: fault at {names.printable(request.path)}: {words}", file=sys.stderr, flush=True)
        return _json(500, {"error": "a fault of this server; it is in its log"})

    return app


_WORDS = {404: "no such path", 405: "not with this method", 400: "not a request that can be read"}


def _unreadable() -> Response | None:
    """Return the refusal of a submission that must not even be read, or None."""
    if request.mimetype != "application/json":
        return _json(415, {"error": "the content type is not application/json"})
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return _json(415, {"error": "a content encoding; send it as it is"})
    length = request.content_length
    if length is None:
        return _json(411, {"error": "no length: chunked bodies are not read"})
    if length > MAX_SUBMISSION:
        return _json(413, {"error": f"{length} bytes, allowed are {MAX_SUBMISSION}"})
    return None


def _json(status: int, value: dict[str, Any]) -> Response:
    """Return *value*, or of a refusal its `error` as a problem document."""
    if status < 400:
        body, kind = strict.encode(value).encode("utf-8", "backslashreplace"), "application/json"
    else:
        body, kind = problem.encode(status, value["error"]), problem.CONTENT_TYPE
    answer = _answer(status, body, cache=NEVER, kind=kind)
    if status in (429, 503):
        answer.headers["Retry-After"] = str(RETRY_S)
    return answer


def _answer(status: int, body: bytes, *, cache: str, kind: str = "application/json") -> Response:
    answer = Response(body, status, content_type=kind)
    answer.headers["Cache-Control"] = cache
    answer.headers.extend(SECURITY)
    return answer
