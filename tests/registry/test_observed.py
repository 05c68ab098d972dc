"""What consumers read of what was observed: real commands, a registry that has been there for eight days, a mirror."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal_registry.cli import main
from tests.support.client import Ran, inside
from tests.support.hub import Hub
from tests.support.person import Person
from tests.support.servers import WAIT_S, Process, RegistryProcess, configure, environment, free_port, operate

FILES = {"config.json": b'{"a": 1}', "sub/tokenizer.json": b"[]", "model.safetensors": bytes(range(256)) * 40}
REPO = "models/acme-lab/atlas"
NAME = "acme-lab/atlas"
PAST_S = 8 * 86_400

# The command as it was typed eight days ago: nothing of ours is changed but what the clock says.
IN_THE_PAST = f"""
import sys, time
now = time.time
time.time = lambda: now() - {PAST_S}
from modelseal_registry.cli import main
main(sys.argv[1:])
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as found:
        yield found


def in_the_past(folder: Path, *words: str) -> str:
    argv = [sys.executable, "-c", IN_THE_PAST, "--dir", str(folder), *words]
    done = subprocess.run(argv, env=environment(), capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_consumers_read_observed_after_7_days_and_failed_once_it_is_withdrawn(tmp_path: Path, hub: Hub) -> None:
    commit = hub.commit(REPO, FILES)
    hub.commit("models/acme-lab/young", FILES)
    folder, port = tmp_path / "reg", free_port()
    invitation = in_the_past(folder, "init", "--origin", f"127.0.0.1:{port}", "-q").strip()
    configure(folder, hub=hub.url)
    in_the_past(folder, "observe", NAME, "--download")

    def operator(*words: str) -> Ran:
        return inside(tmp_path, environment(), "--dir", str(folder), *words, main=main).says(0)

    with Process(folder, "serve") as server:
        server.ready()
        operator("observe", "acme-lab/young").says(0, "OBSERVED, NOT SIGNED")
        person = Person(tmp_path / "person", RegistryProcess(folder, port, invitation))
        person.model("good", FILES), person.model("bad", {**FILES, "config.json": b"{}"})
        good = ("verify", "./good", "--repo")
        done = person.types(*good, NAME).says(9, f"OBSERVED, NOT SIGNED {NAME}", "(the registry itself)")
        assert "on the Hub's word" not in done.out, "all bytes were downloaded"
        asked = {**person.env, "HF_ENDPOINT": hub.url}
        for repo, code, words in ((NAME, 9, "OBSERVED, NOT SIGNED"), ("acme-lab/young", 5, "UNKNOWN")):
            inside(person.here, asked, "check", repo).says(code, f"{words} {repo}", "nothing was downloaded")
        inside(person.here, asked, "check", NAME, "--accept", "observed").says(0, "ACCEPTED OBSERVED, NOT SIGNED")
        inside(person.here, asked, "get", NAME).says(9, f"OBSERVED, NOT SIGNED {NAME}", "nothing was ")
        assert not (person.home / ".cache").exists()
        inside(person.here, asked, "get", NAME, "--accept", "observed", "--local-dir", "got").says(
            0, "ACCEPTED OBSERVED"
        )
        assert {name: (person.here / "got" / name).read_bytes() for name in FILES} == FILES
        inside(person.here, asked, "get", "acme-lab/young", "--accept", "observed").says(5, "UNKNOWN")
        person.types("verify", "./bad", "--repo", f"{NAME}@{commit}").says(1, "FAILED")
        person.types(*good, "acme-lab/young").says(5, "UNKNOWN", "first seen")
        operator("observe", NAME).says(0, "OBSERVED, NOT SIGNED")  # older than 7 days: it still is so
        operator("observe", NAME).says(0, "UNCHANGED")
        person.types(*good, NAME).says(9, f"OBSERVED, NOT SIGNED {NAME}")
        operator("withdraw", f"{NAME}@{commit}", "--reason", "malicious", "--yes").says(0, "WITHDRAWN")
        person.types(*good, f"{NAME}@{commit}").says(1, "FAILED", "WITHDRAWN (malicious)")
        inside(person.here, asked, "check", NAME, "--accept", "observed,unknown").says(1, "WITHDRAWN (malicious)")
        again = ("get", NAME, "--accept", "observed", "--local-dir", "again")
        inside(person.here, asked, *again).says(1, "WITHDRAWN (malicious)")
        assert not (person.here / "again").exists()
        mirror = tmp_path / "mirror"
        operate(mirror, "mirror", "init", "--from", invitation)
        assert operate(mirror, "mirror", "sync").out.startswith("SYNCED")
        assert operate(mirror, "mirror", "check").out.startswith("CHECKED")
        there = ("--registry", str(mirror / "public"))
        person.types(*good, f"{NAME}@{commit}", *there).says(1, "WITHDRAWN (malicious)")
        assert operate(folder, "check").out.startswith("CHECKED")
