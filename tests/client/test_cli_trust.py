"""trust: add, status, save, remove, mirror."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modelseal.formats import strict
from modelseal.formats.note import Verifier
from modelseal.memory import Memory
from tests.support import make
from tests.support.person import COMMIT, Person
from tests.support.servers import RegistryProcess
from tests.support.witness import Witness, quorum_text


def memory(person: Person, registry: RegistryProcess) -> Memory:
    return Memory(person.home, registry.origin)


def test_add_says_who_will_decide_and_pins_the_log(stranger: Person, registry: RegistryProcess) -> None:
    done = stranger.run("trust", "add", registry.invitation, "--yes")
    done.says(0, f"{registry.origin} will decide who every publisher is", "quorum:   none")
    assert memory(stranger, registry).leaf0() is not None
    again = stranger.run("trust", "add", registry.invitation, "--yes", "--json").says(0).json
    assert (again["verdict"], again["origin"], again["quorum"]) == ("trusted", registry.origin, 0)
    shown = stranger.run("trust", "status").says(0, f"TRUSTED {registry.url}", "one key on the registry host")
    assert "remembers: nothing of the log yet; 0 revocations seen" in shown.out
    assert stranger.run("trust", "status", "-q").out == f"{registry.url}\n"


def test_add_takes_the_fingerprint_apart(stranger: Person, registry: RegistryProcess) -> None:
    url, _, fingerprint = registry.invitation.partition("#")
    stranger.run("trust", "add", url, "--fingerprint", fingerprint, "--yes").says(0, "TRUSTED")


def test_another_fingerprint_is_refused_and_nothing_is_kept(stranger: Person, registry: RegistryProcess) -> None:
    wrong = f"{registry.url}#sha256:{'0' * 64}"
    stranger.run("trust", "add", wrong, "--yes").says(1, "has the fingerprint sha256:0000")
    stranger.run("trust", "status").says(6)
    assert not list(stranger.home.rglob("*.json"))


def test_nobody_answering_is_unavailable(stranger: Person) -> None:
    words = ("trust", "add", f"http://127.0.0.1:1#sha256:{'0' * 64}", "--yes")
    stranger.run(*words).says(6, "cannot connect")
    assert stranger.run(*words, "--json").says(6).json["use"] == "retry"


def ask_on_a_terminal(person: Person, answer: bytes, *words: str) -> tuple[int, str]:
    """Run a command on a terminal of its own and answer its question; return exit status and what it showed."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "modelseal", *words],
        cwd=person.here, env=person.env, stdin=side, stdout=side, stderr=side, start_new_session=True,
    )  # fmt: skip
    os.close(side)
    shown = b""
    try:
        while select.select([main], [], [], 30)[0]:
            try:
                part = os.read(main, 1 << 16)
            except OSError as e:
                if e.errno != errno.EIO:  # the other side is closed
                    raise
                break
            if not part:
                break
            if b"[y/N]" not in shown and b"[y/N]" in shown + part:
                os.write(main, answer)
            shown += part
        return process.wait(timeout=30), shown.decode()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(main)


def test_on_a_terminal_it_asks_and_no_means_no(stranger: Person, registry: RegistryProcess) -> None:
    code, shown = ask_on_a_terminal(stranger, b"n\n", "trust", "add", registry.invitation)
    assert (code, "not confirmed; nothing was changed" in shown) == (1, True), shown
    stranger.run("trust", "status").says(6)
    code, shown = ask_on_a_terminal(stranger, b"y\n", "trust", "add", registry.invitation)
    assert code == 0, shown
    assert "will decide who every publisher is" in shown
    stranger.run("trust", "status").says(0)


def test_a_saved_root_is_added_by_its_fingerprint_and_works(
    person: Person, tmp_path: Path, registry: RegistryProcess
) -> None:
    done = person.run("trust", "save", "x.trust").says(0, "SAVED", "the file alone proves nothing")
    fingerprint = registry.invitation.rpartition(":")[2]
    assert f"modelseal trust add x.trust --fingerprint {fingerprint}" in done.out
    person.run("trust", "save", "x.trust").says(1, "x.trust exists already and is never overwritten")

    other = Person(tmp_path / "other")
    saved = str(person.here / "x.trust")
    other.run("trust", "add", saved, "--yes").says(2, "a fingerprint is wanted")
    other.run("trust", "add", saved, "--fingerprint", "0" * 64, "--yes").says(1, "has not the fingerprint")
    other.run("trust", "add", saved, "--fingerprint", fingerprint, "--yes").says(0, f"{registry.origin} will decide")
    assert "refreshed: never, it came from a file" in other.run("trust", "status").out
    other.run("show", "nobody/nothing").says(1, "UNKNOWN nobody/nothing")


DAMAGED = {"empty": b"", "no JSON": b"x", "another object": b'{"v":1}', "a key": b"-----BEGIN PUBLIC KEY-----\n"}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_file_that_is_no_trust_root_is_refused(case: str, stranger: Person) -> None:
    (stranger.here / "x.trust").write_bytes(DAMAGED[case])
    stranger.types("trust", "add", "x.trust", "--fingerprint", "0" * 64, "--yes").says(1, "saved trust root")
    stranger.types("trust", "status").says(6)


def test_remove_says_what_it_forgets_and_what_is_kept(person: Person, registry: RegistryProcess) -> None:
    person.owns("gone")
    person.model()
    repo = ("--repo", f"gone/atlas-7b@{COMMIT}", "--no-hub", "--key", "ci.key")
    person.run("publish", "./atlas-7b", *repo).says(0)
    revoke = ("revoke", f"gone/atlas-7b@{COMMIT}", "--reason", "malicious", "--key", "ana.key", "--yes")
    person.run(*revoke).says(0, "REVOKED (malicious)")
    person.run("verify", "./atlas-7b", "--repo", "gone/atlas-7b").says(1, "REVOKED (malicious)")
    assert "; 1 revocation seen" in person.run("trust", "status").out

    done = person.run("trust", "remove", registry.url).says(0, "REMOVED", "1 revocation seen", "kept:", "undo:")
    assert registry.invitation in done.out
    assert memory(person, registry).leaf0() is None
    assert memory(person, registry).head() is None
    person.run("trust", "remove", registry.url).says(2, "is not trusted")
    person.run("trust", "add", registry.invitation, "--yes").says(0)


def test_a_damaged_memory_is_said_and_removing_helps(person: Person, registry: RegistryProcess) -> None:
    person.run("show", "nobody/nothing").says(1)
    [file] = (person.home / "memory").glob("*.json")
    file.write_text("{")
    person.run("show", "nobody/nothing").says(6, "memory file", "remove this trust root")
    person.run("verify", ".", "--repo", "nobody/nothing").says(6, "memory file")
    person.run("trust", "remove", registry.url).says(0, "(unreadable)")
    person.run("trust", "add", registry.invitation, "--yes").says(0)
    person.run("show", "nobody/nothing").says(1, "UNKNOWN")


def test_a_log_with_another_beginning_is_not_added_over_the_remembered_one(
    stranger: Person, registry: RegistryProcess
) -> None:
    memory(stranger, registry).pin(make.key("other").key.sha256)
    stranger.run("trust", "add", registry.invitation, "--yes").says(1, "pinned is")
    stranger.run("trust", "status").says(6)


def changed(person: Person, **fields: object) -> None:
    """Write other things into what is kept of the trust root."""
    [file] = (person.home / "trust").glob("*/local.json")
    file.write_text(strict.encode(json.loads(file.read_text()) | fields))


def test_status_says_how_long_everything_holds(person: Person, registry: RegistryProcess) -> None:
    person.run("show", "nobody/nothing").says(1)
    status = person.types("trust", "status").says(0, "expires:  root ", "(in 364 days)", "log key:  127.0.0.1:")
    assert re.search(r"timestamp \d{4}-\d\d-\d\d \d\d:\d\d UTC \(in [3-6] days\)", status.out), status.out
    assert re.search(r"remembers: \d+ leaves, proven for 20.* UTC \(\d+ (second|minute)s? ago\)", status.out), (
        status.out
    )
    assert "warning" not in status.out
    [found] = person.types("trust", "status", "--json").says(0).json["registries"]
    assert (found["days"]["root"], found["days"]["targets"], found["warnings"]) == (364, 364, [])
    assert found["log_key"].startswith(registry.origin) and found["memory"]["time"] <= time.time()
    assert (found["quorum"], found["witnesses"], found["liars"]) == (0, [], 0)
    assert found["untrusted"]["holders"]


SOON = {
    "root": (29, "its root expires in 29 days", "its operators must sign a new one"),
    "targets": (-3, "its targets expired 3 days ago", "its operators must sign a new one"),
    "snapshot": (9, "its snapshot expires in 9 days", "the next command that asks it brings a newer one"),
    "timestamp": (1, "its timestamp expires in 24 hours", "the next command that asks it brings a newer one"),
}


@pytest.mark.parametrize("role", SOON)
def test_status_warns_before_something_ends(role: str, person: Person) -> None:
    days, *words = SOON[role]
    far = dict.fromkeys(SOON, int(time.time()) + 100 * 86_400)
    changed(person, expires=far | {role: int(time.time()) + days * 86_400 + (60 if days > 0 else -60)})
    person.types("trust", "status").says(1, "  warning:", *words)
    found = person.types("trust", "status", "--json").says(1).json
    assert found["exit"] == 1 and words[0] in found["registries"][0]["warnings"][0]
    changed(person, expires=far)
    person.types("trust", "status").says(0)


def test_status_names_the_mirrors_and_how_many_may_lie(person: Person) -> None:
    local = json.loads(next((person.home / "trust").glob("*/local.json")).read_text())
    registry = json.loads(local["registry"])
    log = Verifier.parse(local["policy"].split()[1], "log")
    own = Verifier.parse(registry["own_witness"], "own")
    witnesses = [Witness.named(name) for name in ("a", "b", "c")]
    changed(person, policy=quorum_text(log, own, witnesses, 3).decode())
    keys = [witness.key.encode() for witness in witnesses]
    person.types("trust", "status").says(0, "quorum:   3 of 3 mirrors; 2 of registry and mirrors", *keys)
    [found] = person.types("trust", "status", "--json").says(0).json["registries"]
    assert (found["quorum"], found["witnesses"], found["liars"]) == (3, keys, 2)


def test_a_mirror_is_one_more_address(person: Person, registry: RegistryProcess) -> None:
    person.run("trust", "mirror", registry.public).says(0, "ADDED", f"asks:     {registry.public}")
    found = person.run("trust", "status", "--json").says(0).json
    assert found["registries"][0]["addresses"] == [registry.url, str(registry.public)]
    person.run("trust", "mirror", registry.public, "--remove").says(0, "REMOVED")
    person.run("trust", "mirror", registry.public, "--remove").says(2, "was not added")
    person.run("trust", "mirror", "gopher://x").says(2, "neither http:// nor https:// nor a folder")
    person.run("trust", "mirror", "https://x y").says(2, "is not an address")
