"""What a request to a Hub asks for."""

from __future__ import annotations

import pytest

from modelseal.hubproxy.routes import NoRoute, Route, parse

REPO = "hf://acme-lab/atlas-7b"
COMMIT = "9c1f0d2233ab4455667788990011223344556677"

KNOWN = {
    "GET /api/models/acme-lab/atlas-7b": Route("info", REPO, None),
    "GET /api/models/acme-lab/atlas-7b?blobs=true": Route("info", REPO, None, query="blobs=true"),
    "GET /api/models/acme-lab/atlas-7b/revision/main": Route("info", REPO, "main"),
    "GET /api/models/acme-lab/atlas-7b/revision/feature%2Fone": Route("info", REPO, "feature/one"),
    "GET /api/models/acme-lab/atlas-7b/revision/feature/one": Route("info", REPO, "feature/one"),
    "GET /api/models/acme-lab/atlas-7b/refs": Route("refs", REPO, None),
    "GET /api/datasets/acme-lab/corpus": Route("info", "hf://datasets/acme-lab/corpus", None),
    f"GET /api/models/acme-lab/atlas-7b/tree/{COMMIT}?recursive=true": Route(
        "tree", REPO, COMMIT, query="recursive=true"
    ),
    f"GET /api/models/acme-lab/atlas-7b/tree/{COMMIT}/": Route("tree", REPO, COMMIT),
    f"GET /api/models/acme-lab/atlas-7b/tree/{COMMIT}/a/b": Route("tree", REPO, COMMIT, "a/b"),
    f"POST /api/models/acme-lab/atlas-7b/paths-info/{COMMIT}": Route("paths", REPO, COMMIT),
    "GET /acme-lab/atlas-7b/resolve/main/config.json": Route("file", REPO, "main", "config.json"),
    "HEAD /acme-lab/atlas-7b/resolve/main/sub/a%20b.json?download=true": Route("file", REPO, "main", "sub/a b.json"),
    "GET /datasets/acme-lab/corpus/resolve/main/a.parquet": Route(
        "file", "hf://datasets/acme-lab/corpus", "main", "a.parquet"
    ),
    "GET /spaces/acme-lab/demo/resolve/main/app.py": Route("file", "hf://spaces/acme-lab/demo", "main", "app.py"),
    "GET /acme-lab/atlas-7b/resolve/refs%2Fpr%2F1/config.json": Route("file", REPO, "refs/pr/1", "config.json"),
    "GET /acme-lab/atlas-7b/resolve/refs/pr/1/config.json": Route("file", REPO, "refs/pr/1/config.json"),
}

UNKNOWN = (
    "GET /",
    "GET /api/whoami-v2",
    "GET /api/models?search=atlas",
    "GET /api/models/acme-lab",
    "GET /api/kernels/acme-lab/atlas-7b",
    f"GET /api/models/acme-lab/atlas-7b/xet-read-token/{COMMIT}",
    "GET /api/models/acme-lab/atlas-7b/commits/main",
    "GET /api/models/acme-lab/atlas-7b/discussions",
    "GET /api/models/acme-lab/atlas-7b/paths-info/main",
    "GET /acme-lab/atlas-7b/raw/main/config.json",
    "GET /acme-lab/atlas-7b/resolve/main",
    "GET /acme-lab/atlas-7b/resolve/main/../../other/resolve/main/config.json",
    "GET /acme-lab/atlas-7b/resolve/main/%2e%2e/config.json",
    "GET /acme-lab/atlas-7b/resolve/main//config.json",
    "GET http://elsewhere.example/acme-lab/atlas-7b/resolve/main/config.json",
    "GET //elsewhere.example/acme-lab/atlas-7b/resolve/main/config.json",
    "GET /kernels/acme-lab/atlas/resolve/main/config.json",
    "GET /v2/acme-lab/atlas-7b/manifests/latest",
    "POST /api/models/acme-lab/atlas-7b/commit/main",
    "POST /api/repos/create",
    "PUT /acme-lab/atlas-7b/resolve/main/config.json",
    "DELETE /api/repos/delete",
    "GET /" + "a" * 9000,
)


@pytest.mark.parametrize("request_line", KNOWN)
def test_known(request_line: str) -> None:
    method, _, target = request_line.partition(" ")
    assert parse(method, target) == KNOWN[request_line]


@pytest.mark.parametrize("request_line", UNKNOWN)
def test_unknown(request_line: str) -> None:
    method, _, target = request_line.partition(" ")
    found = parse(method, target)
    assert isinstance(found, NoRoute) and found.words


@pytest.mark.parametrize(
    "target", ["/gpt2/resolve/main/config.json", "/datasets/squad/resolve/main/a", "/a--b/c/resolve/main/d"]
)
def test_what_cannot_be_sealed_is_said_by_its_name(target: str) -> None:
    found = parse("GET", target)
    assert isinstance(found, NoRoute) and found.repo and found.repo in found.words


def test_a_reply_to_a_form_can_never_be_more_than_a_list() -> None:
    assert parse("POST", "/api/models/acme-lab/atlas-7b") == NoRoute("nothing is written through this guard")
