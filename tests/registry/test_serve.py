"""The real server, as a process: who may run, how it answers, how it ends."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal.formats import paths
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.leaves import MAX_SUBMISSION
from modelseal.formats.note import Note
from tests.support import make
from tests.support.servers import (
    Process,
    RegistryProcess,
    ask,
    children,
    free_port,
    lives,
    make_registry,
    operate,
    running,
    until,
)

OWNER, SIGNER = make.key("owner"), make.key("signer", "ed25519")
ACME = "hf://acme-lab"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    """One that runs, with an approved namespace and a release; tests only add to it."""
    with running(tmp_path_factory.mktemp("serve") / "reg") as found:
        found.approve(ACME, OWNER, [(SIGNER, f"{ACME}/*")])
        found.publish(SIGNER, f"{ACME}/atlas")
        yield found


def size(registry: RegistryProcess) -> int:
    return Checkpoint.parse(Note.parse(registry.get("checkpoint")).text).size


def test_a_release_is_logged_proven_and_in_the_next_evidence(registry: RegistryProcess) -> None:
    index = registry.publish(SIGNER, f"{ACME}/corpus")
    evidence = json.loads(registry.get("evidence/acme-lab/corpus"))
    assert index in [leaf["index"] for leaf in evidence["leaves"]]
    assert evidence["seal"] is not None
    assert evidence == json.loads(registry.get("evidence/Acme-Lab/CORPUS"))


def test_the_same_submission_again_gets_the_same_leaf(registry: RegistryProcess) -> None:
    sent = registry.sealed(SIGNER, f"{ACME}/again")
    first, again = registry.post(sent), registry.post(sent)
    assert first[0] == again[0] == 200
    assert first[1]["index"] == again[1]["index"]


def test_an_unknown_repo_gets_evidence_of_its_absence(registry: RegistryProcess) -> None:
    evidence = json.loads(registry.get("evidence/nobody/nothing"))
    assert [leaf["index"] for leaf in evidence["leaves"]] == [0]
    assert evidence["seal"] is None


STATUS: dict[str, tuple[str, str, bytes | None, dict[str, str], int]] = {
    "checkpoint": ("GET", "/checkpoint", None, {}, 200),
    "checkpoint, head only": ("HEAD", "/checkpoint", None, {}, 200),
    "checkpoint, posted": ("POST", "/checkpoint", b"x", {}, 405),
    "a tile": ("GET", "/tile/0/000.p/2", None, {}, 200),
    "a tile that is not": ("GET", "/tile/0/999", None, {}, 404),
    "trust": ("GET", "/trust/timestamp.json", None, {}, 200),
    "health": ("GET", "/healthz", None, {}, 200),
    "evidence": ("GET", "/evidence/acme-lab/atlas", None, {}, 200),
    "evidence of no repo": ("GET", "/evidence/acme-lab", None, {}, 400),
    "evidence of a percent-encoded climb": ("GET", "/evidence/%2e%2e/checkpoint", None, {}, 400),
    "nothing": ("GET", "/", None, {}, 404),
    "a climb": ("GET", "/trust/../../registry.toml", None, {}, 404),
    "an encoded climb": ("GET", "/trust/%2e%2e/%2e%2e/keys/log.key", None, {}, 404),
    "records, asked for": ("GET", "/records", None, {}, 405),
    "records, no JSON": ("POST", "/records", b"{", JSON, 400),
    "records, not canonical": ("POST", "/records", b'{ "v": 1 }', JSON, 400),
    "records, empty": ("POST", "/records", b"", JSON, 400),
    "records, bytes": ("POST", "/records", bytes(range(256)), JSON, 400),
    "records, deep": ("POST", "/records", b"[" * 100_000, JSON, 400),
    "records, a long number": ("POST", "/records", b'{"v":' + b"9" * 5000 + b"}", JSON, 400),
    "records, no content type": ("POST", "/records", b"{}", {}, 415),
    "records, compressed": ("POST", "/records", b"{}", JSON | {"Content-Encoding": "gzip"}, 415),
    "records, too large": ("POST", "/records", None, JSON | {"Content-Length": str(MAX_SUBMISSION + 1)}, 413),
    "records, chunked": ("POST", "/records", None, JSON | {"Transfer-Encoding": "chunked"}, 411),
}


@pytest.mark.parametrize("case", STATUS)
def test_status(registry: RegistryProcess, case: str) -> None:
    method, path, body, headers, expected = STATUS[case]
    before = size(registry)
    status, found, answer = registry.ask(path, method, body, headers)
    assert status == expected
    assert "set-cookie" not in found
    assert found["x-content-type-options"] == "nosniff"
    if status >= 400:
        assert set(json.loads(answer)) == {"type", "title", "status", "detail"}
        assert found["cache-control"] == "no-store"
    assert size(registry) == before


def test_a_bad_signature_is_refused_and_the_log_stays_as_it_was(registry: RegistryProcess) -> None:
    before = size(registry)
    sent = json.loads(registry.sealed(SIGNER, f"{ACME}/forged"))
    sent["record"] = sent["record"].replace(make.revision(0), make.revision(1))
    status, answer = registry.post(json.dumps(sent, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    assert status == 400 and "signature" in answer["detail"]
    assert size(registry) == before


def test_a_stranger_is_refused_with_403_and_a_second_seal_with_409(registry: RegistryProcess) -> None:
    stranger = make.key("stranger")
    assert registry.post(registry.sealed(stranger, f"{ACME}/atlas", 5))[0] == 403
    bundle = make.seal(SIGNER, f"{ACME}/atlas", make.revision(0), [make.file("other")])
    second = make.submission(make.release(bundle, SIGNER, origin=registry.origin), [SIGNER], bundle)
    status, answer = registry.post(second)
    assert status == 409 and "leaf" in answer["detail"]


def test_a_stranger_chooses_neither_the_address_nor_the_id_that_are_logged(registry: RegistryProcess) -> None:
    lies = {"X-Forwarded-For": "192.0.2.99", "X-Request-Id": "chosen-by-me"}
    _, found, _ = registry.ask("/records", "POST", b"{}", {**JSON, **lies})
    assert registry.process
    (line,) = (line for line in registry.process.errors.splitlines() if found["x-request-id"] in line)
    assert line.startswith("modelseal-registry: POST /records 400 in ") and " from 127.0.0.1, " in line
    assert "192.0.2.99" not in registry.process.errors and "chosen-by-me" not in registry.process.errors


def test_a_second_server_on_the_same_folder_is_refused(registry: RegistryProcess) -> None:
    done = operate(registry.folder, "serve", "--listen", f"127.0.0.1:{free_port()}", fine=(1,))
    assert "in use" in done.err
    assert registry.ask("/healthz")[0] == 200


def test_a_second_server_on_the_same_port_is_refused(registry: RegistryProcess, tmp_path: Path) -> None:
    other = make_registry(tmp_path / "other")
    done = operate(other.folder, "serve", "--listen", registry.origin, fine=(1,))
    assert f"cannot listen at {registry.origin}" in done.err
    assert done.out == ""


def test_sigterm_ends_in_order_with_0_and_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "reg") as registry:
        registry.approve(ACME, OWNER, [(SIGNER, f"{ACME}/*")])
        index = registry.publish(SIGNER, f"{ACME}/atlas")
        assert registry.process
        workers = children(registry.process.pid)
        assert registry.stop() == 0
        until("the workers end", lambda: not any(lives(pid) for pid in workers), 5)
        registry.start()
        assert size(registry) > index
        assert registry.stop(signal.SIGINT) == 0


def test_the_workers_end_within_seconds_when_the_main_process_is_killed(tmp_path: Path) -> None:
    with running(tmp_path / "reg") as registry:
        assert registry.process
        workers = children(registry.process.pid)
        assert workers
        registry.kill()
        until("the workers end", lambda: not any(lives(pid) for pid in workers), 5)
        registry.start()  # lock and port are free again
        assert registry.ask("/healthz")[0] == 200


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    import os

    with running(tmp_path / "reg") as registry:
        assert registry.process
        for pid in children(registry.process.pid):
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
                break

        def answers() -> bool:
            try:
                return all(ask(registry.port, "/healthz")[0] == 200 for _ in range(5))
            except OSError:
                return False

        until("it answers again", answers)


def test_a_database_older_than_what_was_published_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "reg") as registry:
        assert registry.stop() == 0
        backup = {path: path.read_bytes() for path in registry.folder.glob("log.sqlite*")}
        registry.start()
        registry.approve(ACME, OWNER, [(SIGNER, f"{ACME}/*")])
        registry.stop()
        for path in registry.folder.glob("log.sqlite*"):
            path.unlink()
        for path, data in backup.items():
            path.write_bytes(data)
        before = (registry.public / paths.CHECKPOINT).read_bytes()
        done = operate(registry.folder, "serve", fine=(1,))
        assert "would fork the log" in done.err
        assert (registry.public / paths.CHECKPOINT).read_bytes() == before


def test_another_database_of_the_same_size_is_refused(tmp_path: Path) -> None:
    one, other = make_registry(tmp_path / "one"), make_registry(tmp_path / "other")
    shutil.copy(other.folder / "log.sqlite", one.folder / "log.sqlite")
    done = operate(one.folder, "serve", fine=(1,))
    assert "is not of this database" in done.err


def test_a_name_from_outside_cannot_print_a_line_of_ours(tmp_path: Path) -> None:
    folder = tmp_path / "a\nREADY http://evil\u202e"
    done = operate(folder, "serve", fine=(2,))
    assert done.out == ""
    assert not any(line.startswith("READY") for line in done.err.splitlines())


def test_json_prints_one_object_when_it_is_ready(tmp_path: Path) -> None:
    registry = make_registry(tmp_path / "reg")
    with Process(registry.folder, "serve", "--json") as process:
        assert process._process.stdout
        line = json.loads(process._process.stdout.readline())
        assert (line["ready"], line["exit"]) == (registry.url, 0)
        assert process.stop() == 0


def test_an_idle_log_is_cosigned_again(tmp_path: Path) -> None:
    registry = make_registry(tmp_path / "reg")
    settings = registry.folder / "registry.toml"
    settings.write_text(settings.read_text().replace("recosign_s = 240", "recosign_s = 1"))
    registry.start()
    assert registry.process
    with registry.process:
        first = registry.get("checkpoint")
        until("a newer cosignature", lambda: registry.get("checkpoint") != first)
        assert size(registry) == 2
