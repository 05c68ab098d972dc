"""The dynamic half of the web side: evidence, submissions, health. Answers are JSON, refusals problem documents."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from modelseal import errors
from modelseal.formats import paths, strict
from modelseal.formats.leaves import MAX_SUBMISSION
from modelseal_registry import metrics, openapi, problem, weblog
from modelseal_registry.bodies import Bodies, Incomplete
from modelseal_registry.limits import TooMany, Visitors
from modelseal_registry.static import FRESH, NEVER, SECURITY

Submit = Callable[[bytes], tuple[int, dict[str, Any]]]
Evidence = Callable[[str], bytes]
Health = Callable[[], dict[str, Any]]
Metrics = Callable[[], bytes]

RETRY_S = 2  # seconds, said with 503
JSON = "application/json"

# What went wrong -> status. The first that fits; what is in no row is a fault of ours.
STATUS: tuple[tuple[type[errors.Error], int], ...] = (
    (TooMany, 429),
    (Incomplete, 408),
    (errors.Pending, 202),
    (errors.Malformed, 400),
    (errors.Conflict, 409),
    (errors.Refused, 403),
    (errors.Unavailable, 503),
)


def make_app(
    *,
    evidence: Evidence,
    health: Health,
    submit: Submit | None,
    numbers: Metrics | None = None,
    visitors: Visitors = Visitors(),  # noqa: B008 (frozen)
    log: weblog.Log = weblog.Log(),  # noqa: B008 (frozen)
) -> Flask:
    """Return the application. Without *submit* (a mirror, or an address for reads) there is no `/records`."""
    app = Flask("modelseal_registry", static_folder=None)
    app.url_map.merge_slashes = False  # clients follow no redirect, so none is ever sent
    app.url_map.redirect_defaults = False
    bodies = Bodies()

    def view(path: str, method: str) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        return app.route("/" + path, methods=[method], provide_automatic_options=False)

    @app.before_request
    def begin() -> None:
        g.id = weblog.request_id(request.environ, visitors.behind)

    @view("evidence/<path:name>", "GET")
    def get_evidence(name: str) -> Response:
        visitors.admit(request.environ, writes=False)
        return _answer(200, evidence(name), cache=FRESH)

    @view(paths.HEALTH, "GET")
    def get_health() -> Response:
        visitors.admit(request.environ, writes=False)
        return _json(200, health())

    @view(paths.OPENAPI, "GET")
    def get_openapi() -> Response:
        return _answer(200, openapi.document(writes=submit is not None), cache=FRESH)

    if numbers is not None:
        page = numbers

        @view(paths.METRICS, "GET")
        def get_metrics() -> Response:
            visitors.admit(request.environ, writes=False)
            return _answer(200, page(), cache=NEVER, kind=metrics.CONTENT_TYPE)

    if submit is not None:
        take = submit

        @view(paths.RECORDS, "POST")
        def post_record() -> Response:
            began = time.monotonic()
            status, value = _judged(take)
            log.request(
                "POST", "/" + paths.RECORDS, status, int(1000 * (time.monotonic() - began)),
                visitors.address(request.environ), g.id, str(value.get("error", value.get("waits_for", ""))),
            )  # fmt: skip
            return _json(status, value)

        def _judged(take: Submit) -> tuple[int, dict[str, Any]]:
            try:
                if refused := _unreadable():
                    return refused
                visitors.admit(request.environ, writes=True)
                length = request.content_length or 0
                with bodies.place(length):
                    return take(bodies.read(request.environ, length))
            except errors.Error as e:
                refused = _refusal(e)
                if refused[0] == 500:
                    raise
                return refused

    @app.errorhandler(errors.Error)
    def refuse(error: errors.Error) -> Response:
        status, value = _refusal(error)
        return fault(error) if status == 500 else _json(status, value)

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
        log.fault(request.path, g.get("id", ""), error)
        return _json(500, {"error": "a fault of this server; it is in its log"})

    return app


_WORDS = {404: "no such path", 405: "not with this method", 400: "not a request that can be read"}


def _refusal(error: errors.Error) -> tuple[int, dict[str, Any]]:
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    value: dict[str, Any] = {"waits_for" if status == 202 else "error": str(error)}
    return status, value | ({"retry_s": error.retry_s} if isinstance(error, TooMany) else {})


def _unreadable() -> tuple[int, dict[str, Any]] | None:
    """Return the refusal of a submission that must not even be read, or None."""
    if request.mimetype != JSON:
        return 415, {"error": "the content type is not application/json"}
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return 415, {"error": "a content encoding; send it as it is"}
    length = request.content_length
    if length is None:
        return 411, {"error": "no length: chunked bodies are not read"}
    if length > MAX_SUBMISSION:
        return 413, {"error": f"{length} bytes, allowed are {MAX_SUBMISSION}"}
    return None


def _json(status: int, value: dict[str, Any]) -> Response:
    """Return *value*; of a refusal its `error` as a problem document, and when to come again."""
    if status < 400:
        body, kind = strict.encode(value).encode("utf-8", "backslashreplace"), JSON
    else:
        body, kind = problem.encode(status, value["error"]), problem.CONTENT_TYPE
    answer = _answer(status, body, cache=NEVER, kind=kind)
    if status in (429, 503):
        answer.headers["Retry-After"] = str(value.get("retry_s", RETRY_S))
    return answer


def _answer(status: int, body: bytes, *, cache: str, kind: str = JSON) -> Response:
    answer = Response(body, status, content_type=kind)
    answer.headers["Cache-Control"] = cache
    answer.headers.extend(SECURITY)
    if cache == NEVER and "id" in g:  # what others may keep belongs to no single request
        answer.headers["X-Request-Id"] = g.id
    return answer
