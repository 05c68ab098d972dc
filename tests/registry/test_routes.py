"""A status for each way to ask, without a server. What a submission itself may be is in test_registry.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from modelseal import errors
from modelseal.formats.leaves import MAX_SUBMISSION
from modelseal_registry.answers import parse_name
from modelseal_registry.routes import make_app
from modelseal_registry.static import Wsgi
from tests.support.wsgi import ask

JSON = {"Content-Type": "application/json"}
SCHEMA = Path(__file__).parents[2] / "manifests/schema/problem.json"
PROBLEM = Draft202012Validator(json.loads(SCHEMA.read_text()))


class Heart:
    """Stands where store and static files are; what it is told to raise, it raises."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.posted: list[bytes] = []

    def submit(self, data: bytes) -> tuple[int, dict[str, Any]]:
        self.posted.append(data)
        if self.error:
            raise self.error
        return 200, {"index": 7}

    def evidence(self, name: str) -> bytes:
        parse_name(name)
        if self.error:
            raise self.error
        return b"{}"

    def health(self) -> dict[str, Any]:
        return {"size": 2}


@pytest.fixture
def heart() -> Heart:
    return Heart()


@pytest.fixture
def app(heart: Heart) -> Wsgi:
    return make_app(evidence=heart.evidence, health=heart.health, submit=heart.submit)


CASES: dict[str, tuple[str, str, bytes | None, dict[str, str], int]] = {
    "evidence of a model": ("GET", "/evidence/acme/atlas", None, {}, 200),
    "evidence of a data set at a commit": ("GET", f"/evidence/datasets/acme/x@{'a' * 40}", None, {}, 200),
    "evidence, head only": ("HEAD", "/evidence/acme/atlas", None, {}, 200),
    "evidence of no repo": ("GET", "/evidence/acme", None, {}, 400),
    "evidence of a reserved owner": ("GET", "/evidence/models/x", None, {}, 400),
    "evidence with a scheme": ("GET", "/evidence/hf://acme/atlas", None, {}, 400),
    "evidence at a branch": ("GET", "/evidence/acme/atlas@main", None, {}, 400),
    "evidence of a path": ("GET", "/evidence/../checkpoint", None, {}, 400),
    "evidence of a line": ("GET", "/evidence/acme/at\nlas", None, {}, 404),
    "evidence of a name that is not text": ("GET", "/evidence/acme/\udc80", None, {}, 400),
    "evidence of nothing": ("GET", "/evidence/", None, {}, 404),
    "evidence, posted": ("POST", "/evidence/acme/atlas", b"{}", JSON, 405),
    "health": ("GET", "/healthz", None, {}, 200),
    "a record": ("POST", "/records", b"{}", JSON, 200),
    "a record with a charset": ("POST", "/records", b"{}", {"Content-Type": "application/json; charset=utf-8"}, 200),
    "a record, asked for": ("GET", "/records", None, {}, 405),
    "options": ("OPTIONS", "/records", None, {}, 405),
    "a record as a form": ("POST", "/records", b"{}", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "a record of no type": ("POST", "/records", b"{}", {}, 415),
    "a record, compressed": ("POST", "/records", b"{}", JSON | {"Content-Encoding": "gzip"}, 415),
    "a record without a length": ("POST", "/records", None, JSON, 411),
    "a record that is too large": ("POST", "/records", b"", JSON | {"Content-Length": str(MAX_SUBMISSION + 1)}, 413),
    "a record that is cut short": ("POST", "/records", b"{}", JSON | {"Content-Length": "5"}, 408),
    "the description": ("GET", "/openapi.json", None, {}, 200),
    "no path": ("GET", "/", None, {}, 404),
    "another path": ("GET", "/admin", None, {}, 404),
    "a slash behind": ("GET", "/healthz/", None, {}, 404),
}


@pytest.mark.parametrize("case", CASES)
def test_status(app: Wsgi, case: str) -> None:
    method, path, body, headers, status = CASES[case]
    answer = ask(app, path.encode("utf-8", "surrogateescape").decode("latin-1"), method, body, headers)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json" if status < 400 else "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == (
        "public, max-age=2" if path[:2] in ("/e", "/o") and status == 200 else "no-store"
    )
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = json.loads(answer.body)
        PROBLEM.validate(problem)
        assert problem["status"] == status and b"\n" not in answer.body


def test_what_is_too_large_is_not_even_read(app: Wsgi, heart: Heart) -> None:
    ask(app, "/records", "POST", b"", JSON | {"Content-Length": str(MAX_SUBMISSION + 1)})
    assert heart.posted == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.Malformed("m"), 400),
        (errors.Unsupported("u"), 400),
        (errors.Refused("r"), 403),
        (errors.Conflict("c"), 409),
        (errors.Pending("p"), 202),
        (errors.Unavailable("u"), 503),
    ],
)
def test_each_error_has_its_status(app: Wsgi, heart: Heart, error: errors.Error, status: int) -> None:
    heart.error = error
    answer = ask(app, "/records", "POST", b"{}", JSON)
    assert answer.status == status
    assert (b"waits_for" in answer.body) == (status == 202)
    assert ("retry-after" in answer.headers) == (status == 503)


def test_a_fault_says_nothing_to_the_stranger_and_one_escaped_line_to_the_log(
    app: Wsgi, heart: Heart, capfd: pytest.CaptureFixture[str]
) -> None:
    heart.error = RuntimeError("secret\nVERIFIED all is well")
    answer = ask(app, "/evidence/acme/atlas")
    assert answer.status == 500
    assert b"secret" not in answer.body
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "RuntimeError: secret\\u000aVERIFIED" in said


def test_a_mirror_takes_no_records(heart: Heart) -> None:
    app = make_app(evidence=heart.evidence, health=heart.health, submit=None)
    assert ask(app, "/records", "POST", b"{}", JSON).status == 404
    assert ask(app, "/evidence/acme/atlas").status == 200
