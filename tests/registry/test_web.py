"""What surrounds the answers, with a real server: limits, logs, metrics, health, two addresses, its own description."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from modelseal.formats.leaves import MAX_SUBMISSION
from tests.support import make
from tests.support.servers import Process, RegistryProcess, ask, children, free_port, lives, make_registry, until

OWNER, SIGNER = make.key("owner"), make.key("signer", "ed25519")
ACME = "hf://acme-lab"
JSON = {"Content-Type": "application/json"}
SECURITY = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
WRITES = 12  # a minute from one address
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection",
)  # fmt: skip


def settings(registry: RegistryProcess, **values: int | str) -> None:
    path = registry.folder / "registry.toml"
    text = path.read_text()
    for name, value in {"hub": "", **values}.items():
        text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {json.dumps(value)}", text)
    path.write_text(text)


class Two:
    """A registry that reads at one address and writes at another, behind one proxy, and logs JSON."""

    def __init__(self, folder: Path) -> None:
        self.registry = make_registry(folder)
        settings(self.registry, writes_per_minute=WRITES, releases_per_day=2, workers=2, log="json")
        self.reads, self.writes = self.registry.port, free_port()
        words = ("serve", "--listen-writes", f"127.0.0.1:{self.writes}", "--behind-proxy", "1")
        self.process = self.registry.process = Process(folder, *words)
        self.process.ready()

    def post(self, body: bytes | None, source: str, **more: str) -> tuple[int, dict[str, str], Any]:
        """Submit as *source*, by its name."""
        sent = {**JSON, "X-Forwarded-For": f"192.0.2.7, {source}", **more}
        status, found, answer = ask(self.writes, "/records", "POST", body, sent)
        return status, found, json.loads(answer)

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.process.errors.splitlines()]

    def metrics(self, port: int) -> dict[tuple[str, ...], float]:
        status, found, body = ask(port, "/metrics")
        assert (status, found["cache-control"]) == (200, "no-store")
        return {
            (one.name, *(one.labels[name] for name in ("route", "status", "le") if name in one.labels)): one.value
            for family in parse(body.decode())
            for one in family.samples
        }


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    found = Two(tmp_path_factory.mktemp("web") / "reg")
    with found.process:
        yield found
        assert found.process.stop() == 0


# headers


@pytest.mark.parametrize(
    ("path", "status", "cache"),
    [
        ("/tile/0/000.p/2", 200, "public, max-age=31536000, immutable"),
        ("/trust/1.root.json", 200, "public, max-age=31536000, immutable"),
        ("/checkpoint", 200, "public, max-age=2"),
        ("/trust/timestamp.json", 200, "public, max-age=2"),
        ("/evidence/nobody/nothing", 200, "public, max-age=2"),
        ("/openapi.json", 200, "public, max-age=2"),
        ("/healthz", 200, "no-store"),
        ("/tile/0/999", 404, "no-store"),
        ("/evidence/nobody", 400, "no-store"),
        ("/nothing", 404, "no-store"),
    ],
)
def test_headers_say_how_long_it_may_be_kept_and_that_nothing_here_is_a_page(
    two: Two, path: str, status: int, cache: str
) -> None:
    answered, found, _ = ask(two.reads, path, headers={"Cookie": "session=1"})
    assert (answered, found["cache-control"]) == (status, cache)
    assert found.items() >= SECURITY.items()
    assert "set-cookie" not in found
    assert ("x-request-id" in found) == (cache == "no-store" and not path.startswith("/tile"))


# limits


def test_an_address_that_sends_too_much_is_told_before_its_body_is_read(two: Two) -> None:
    for _ in range(WRITES):
        assert two.post(b"{}", "198.51.100.1")[0] == 400
    connection = http.client.HTTPConnection("127.0.0.1", two.writes, timeout=5)
    connection.putrequest("POST", "/records")
    sent = {**JSON, "Content-Length": str(MAX_SUBMISSION), "X-Forwarded-For": "198.51.100.1"}
    for name, value in sent.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()  # and not a byte of the body was sent
    problem = json.loads(answer.read())
    connection.close()
    assert (answer.status, problem["status"]) == (429, 429)
    assert "198.51.100.1: more than 12 requests" in problem["detail"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 5
    assert two.post(b"{}", "198.51.100.2")[0] == 400, "others are not limited by that"


def test_a_signer_that_seals_too_much_in_a_day_is_told_when_to_come_again(two: Two) -> None:
    claimed = make.claim(ACME, [OWNER], [(SIGNER, f"{ACME}/*")], origin=two.registry.origin)
    assert two.post(make.submission(claimed, [OWNER]), "203.0.113.1")[0] == 202
    approve(two, make.digest(claimed))
    for number, expected in ((1, 200), (2, 200), (3, 429)):
        bundle = make.seal(SIGNER, f"{ACME}/atlas", make.revision(number))
        record = make.release(bundle, SIGNER, origin=two.registry.origin)
        status, found, answer = two.post(make.submission(record, [SIGNER], bundle), "203.0.113.1")
        assert status == expected, answer
    assert answer["detail"] == "releases by this signer in a day: 2 at most"
    assert 0 < int(found["retry-after"]) <= 86400
    revocation = make.revocation(ACME, fileset="ab" * 32).replace(make.ORIGIN, two.registry.origin)
    assert two.post(make.submission(revocation, [OWNER]), "203.0.113.1")[0] == 200, "a revocation is no release"


def approve(two: Two, digest: str) -> None:
    from tests.support.servers import operate

    words = ("claims", "approve", f"acme-lab@{digest[:12]}", "--without-evidence", "a test")
    operate(two.registry.folder, *words, *(("--yes",) if "--yes" in operate(None, *words[:2], "--help").out else ()))


# logs


def test_a_submission_is_logged_with_the_id_that_its_answer_has_and_no_secret(two: Two) -> None:
    secrets = {"Authorization": "Bearer very-secret", "Cookie": "very-secret"}
    _, found, _ = two.post(b'{"very-secret":1}', "203.0.113.9", **secrets)
    ask(two.reads, "/evidence/acme-lab/very-private-interest")
    (line,) = (line for line in two.logged() if line.get("request") == found["x-request-id"])
    assert line["event"] == "request" and line["path"] == "/records" and line["status"] == 400
    assert line["address"] == "203.0.113.9" and re.fullmatch(r"[0-9a-f]{16}", line["request"])
    assert "very-" not in two.process.errors.replace("'very-secret'", "")  # the unknown field, named and escaped


def test_behind_a_proxy_its_request_id_is_taken_if_it_looks_like_one(two: Two) -> None:
    assert two.post(b"{}", "203.0.113.9", **{"X-Request-Id": "proxy-1234"})[1]["x-request-id"] == "proxy-1234"
    assert two.post(b"{}", "203.0.113.9", **{"X-Request-Id": "a b"})[1]["x-request-id"] != "a b"


# metrics and health


def test_every_worker_counts_and_whichever_is_asked_adds_up(two: Two) -> None:
    def asked() -> float:
        return two.metrics(two.writes).get(("modelseal_requests_total", "index", "404"), 0)

    before = asked()
    for _ in range(20):
        assert ask(two.reads, "/index/" + "0" * 64)[0] == 404
    assert asked() == before + 20
    found = two.metrics(two.writes)
    assert found["modelseal_request_seconds_bucket", "index", "+Inf"] == before + 20
    assert found["modelseal_request_seconds_count", "index"] == before + 20
    assert found["modelseal_log_size",] >= 2 and found["modelseal_pending_records",] == 0
    assert found["modelseal_healthy",] == 1 and 0 <= found["modelseal_checkpoint_age_seconds",] < 300


def test_health_says_what_is_wrong(two: Two) -> None:
    assert json.loads(ask(two.writes, "/healthz")[2])["status"] == "ok"
    checkpoint = two.registry.public / "checkpoint"
    data = checkpoint.read_bytes()
    checkpoint.unlink()
    try:
        for port in (two.reads, two.writes):
            status, found, body = ask(port, "/healthz")
            assert (status, json.loads(body)["detail"]) == (503, "nothing is published yet")
            assert found["retry-after"] and found["content-type"] == "application/problem+json"
    finally:
        checkpoint.write_bytes(data)


# two addresses


def test_the_address_for_reads_takes_no_records_and_has_neither_key_nor_database(two: Two) -> None:
    assert ask(two.reads, "/records", "POST", b"{}", JSON)[0] == 404
    assert "/records" not in json.loads(ask(two.reads, "/openapi.json")[2])["paths"]
    assert "pending" not in json.loads(ask(two.reads, "/healthz")[2])
    assert ask(two.writes, "/evidence/nobody/nothing")[0] == ask(two.reads, "/evidence/nobody/nothing")[0] == 200
    (reads,) = (pid for pid in children(two.process.pid) if children(pid))
    for pid in (reads, *children(reads)):
        held = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.exists()}
        assert not [name for name in held if "log.sqlite" in name or "/keys/" in name]
    writers = [pid for pid in children(two.process.pid) if pid != reads]
    assert any("log.sqlite" in str(link.readlink()) for pid in writers for link in Path(f"/proc/{pid}/fd").iterdir())


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Two addresses again, for what ends it."""
    registry = make_registry(tmp_path_factory.mktemp("lone") / "reg")
    settings(registry, workers=1, recosign_s=1)
    with Process(registry.folder, "serve", "--listen-writes", f"127.0.0.1:{free_port()}") as process:
        assert process.ready() == registry.url
        yield process


def test_a_log_that_cannot_be_written_is_told_until_it_can(lone: Process) -> None:
    trust, away = lone.folder / "trust", lone.folder / "trust.away"
    port = int((lone.folder / "registry.toml").read_text().split('origin = "127.0.0.1:')[1].split('"')[0])

    def healthy() -> bool:
        status, _, body = ask(port, "/healthz")
        if status == 503:
            assert json.loads(body)["detail"] == "the log is not being written; this server's log says why"
        return status == 200

    trust.rename(away)
    until("it is told", lambda: not healthy())
    away.rename(trust)
    until("it is well again", healthy)
    assert "modelseal-registry: trouble: " in lone.errors


def test_without_the_processes_for_reads_the_server_ends(lone: Process) -> None:
    (reads,) = (pid for pid in children(lone.pid) if children(pid))
    workers = children(reads)
    os.kill(reads, signal.SIGKILL)
    assert lone._wait() == 1
    assert "the processes that answer reads have ended" in lone.errors
    until("their workers end", lambda: not any(lives(pid) for pid in workers), 5)


# the description


def test_the_description_is_true_of_the_running_server(two: Two, tmp_path: Path) -> None:
    schema = json.loads(ask(two.writes, "/openapi.json")[2])
    written = json.loads((Path(__file__).parents[2] / "manifests/schema/problem.json").read_text())
    assert schema["components"]["schemas"]["Problem"].items() <= written.items()
    argv = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"http://127.0.0.1:{two.writes}/openapi.json",
        "--checks", ",".join(CHECKS), "--phases", "fuzzing", "-n", "5", "--seed", "1",
        "--header", "X-Forwarded-For:203.0.113.99", "--generation-database", "none", "--no-color", "--warnings", "off",
    ]  # fmt: skip
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(\d+) generated, \1 passed", done.stdout), done.stdout
