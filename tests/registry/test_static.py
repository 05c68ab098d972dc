from __future__ import annotations

from pathlib import Path

import pytest

from modelseal_registry.static import Files, Wsgi, dispatcher
from tests.support.wsgi import Answer, ask

HEX = "ab" * 32
YEAR = "public, max-age=31536000, immutable"
IMMUTABLE = {
    "tile/0/000.p/3": "application/octet-stream",
    "tile/1/x001/067": "application/octet-stream",
    "tile/entries/000": "application/octet-stream",
    f"seal/sha256/{HEX}": "application/octet-stream",
    f"index/{HEX}": "application/octet-stream",
    "trust/1.root.json": "application/json",
    f"trust/targets/{HEX}.policy": "application/octet-stream",
    f"trust/targets/{HEX}.registry.json": "application/json",
}


@pytest.fixture
def public(tmp_path: Path) -> Path:
    root = tmp_path / "public"
    for name in (*IMMUTABLE, "checkpoint", "trust/timestamp.json", "notes.txt", "tile/secret"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"bytes of " + name.encode())
    return root


@pytest.fixture
def app(public: Path) -> Wsgi:
    def dynamic(environ: dict[str, object], start_response: object) -> list[bytes]:
        start_response("418 I'm a teapot", [])  # type: ignore[operator]
        return [b"dynamic"]

    return dispatcher(Files(public), dynamic)


@pytest.mark.parametrize("path", IMMUTABLE)
def test_a_file_that_never_changes_may_be_kept_for_a_year(app: Wsgi, path: str) -> None:
    answer = ask(app, "/" + path)
    assert (answer.status, answer.body) == (200, b"bytes of " + path.encode())
    assert answer.headers["cache-control"] == YEAR
    assert answer.headers["content-type"] == IMMUTABLE[path]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "kind"),
    [("checkpoint", "text/plain; charset=utf-8"), ("trust/timestamp.json", "application/json")],
)
def test_what_moves_on_is_kept_for_seconds_and_read_again(app: Wsgi, public: Path, path: str, kind: str) -> None:
    assert ask(app, "/" + path).body == b"bytes of " + path.encode()
    (public / path).write_bytes(b"newer")
    answer = ask(app, "/" + path)
    assert answer.body == b"newer"
    assert answer.headers["cache-control"] == "public, max-age=2"
    assert answer.headers["content-type"] == kind


def test_head_has_the_length_and_no_body(app: Wsgi) -> None:
    answer = ask(app, "/checkpoint", "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len(b"bytes of checkpoint"))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_only_get_and_head_read_a_file(app: Wsgi, method: str) -> None:
    answer = ask(app, "/checkpoint", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_missing_file_is_404_and_nobody_keeps_that(app: Wsgi) -> None:
    answer = ask(app, "/tile/0/001")
    assert answer.status == 404
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body == b'{"detail":"no such file","status":404,"title":"Not Found","type":"about:blank"}'


@pytest.mark.parametrize(
    "path",
    [
        "/notes.txt", "/tile/secret", "/", "", "/tile/0/", "/tile/../checkpoint", "//checkpoint", "/checkpoint/",
        "/./checkpoint", "/trust/../notes.txt", "/trust/", "/CHECKPOINT", "/tile/0/000.p/3\n", "/index/" + HEX.upper(),
        "/trust/targets/" + HEX + ".../x", "/checkpoint\0",
    ],
)  # fmt: skip
def test_only_exact_names_of_the_format_are_files(app: Wsgi, path: str) -> None:
    assert ask(app, path).body == b"dynamic"


@pytest.mark.parametrize("where", ["file", "folder"])
def test_a_link_in_the_folder_is_not_followed(app: Wsgi, public: Path, tmp_path: Path, where: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "001").write_bytes(b"not ours")
    if where == "file":
        (public / "tile/0/001").symlink_to(outside / "001")
    else:
        (public / "tile/2").symlink_to(outside)
    answer = ask(app, "/tile/0/001" if where == "file" else "/tile/2/001")
    assert answer.status == 503
    assert b"not ours" not in answer.body


def test_an_immutable_file_is_served_from_memory(app: Wsgi, public: Path) -> None:
    first = ask(app, f"/index/{HEX}")
    (public / f"index/{HEX}").unlink()
    again: Answer = ask(app, f"/index/{HEX}")
    assert again == first


def test_evidence_is_answered_without_the_dynamic_application(public: Path) -> None:
    def dynamic(environ: dict[str, object], start_response: object) -> list[bytes]:
        start_response("418 I'm a teapot", [])  # type: ignore[operator]
        return [b"dynamic"]

    app = dispatcher(Files(public), dynamic, lambda environ, name: b"{}" if name == "acme/atlas" else None)
    answer = ask(app, "/evidence/acme/atlas")
    assert (answer.status, answer.body, answer.headers["cache-control"]) == (200, b"{}", "public, max-age=2")
    assert (
        answer.headers["content-type"] == "application/json" and answer.headers["x-content-type-options"] == "nosniff"
    )
    assert [ask(app, "/evidence/acme/other").status, ask(app, "/evidence/acme/atlas", "POST").status] == [418, 418]
