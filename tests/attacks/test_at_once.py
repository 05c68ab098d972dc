"""Several commands at once in one home, and commands that are killed: what is trusted and remembered stays whole."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal import root
from tests.support import make
from tests.support.client import PROGRAM, WAIT_S, Address, Someone, sealed_files
from tests.support.world import World

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
REPO = "hf://acme-lab/atlas"
CONTENTS = {"config.json": b"{}", "model.safetensors": b"weights" * 1000}
VERIFY = ("verify", "./atlas", "--repo", "acme-lab/atlas", "--json")


class Growing:
    """A registry whose log grows, somebody who asks it, and the newest head that was seen in their memory."""

    def __init__(self, folder: Path, address: Address) -> None:
        self.world, self.address = World(now=int(time.time())), address
        self.world.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
        self.releases = 0
        self.grow()
        self.someone = Someone(folder, self.world, address)
        self.someone.folder("atlas", CONTENTS)
        self.invitation = f"{address.url}#sha256:{root.find(self.someone.home, {}).fingerprint.hex()}"
        self.seen = 0

    def grow(self) -> None:
        """Log one more release; what was served before stays, so that no answer is made of two states."""
        self.releases += 1
        self.world.publish(REPO, self.releases, CI, sealed_files(CONTENTS))
        self.address.files = {**self.address.files, **self.world.files()}

    def look(self) -> None:
        """Read what is remembered, as another process would at this moment."""
        for file in (self.someone.home / "memory").glob("*.json"):
            head = json.loads(file.read_text())["head"]
            size = head["size"] if head else 0
            assert size >= self.seen, f"the head went back from {self.seen} to {size}"
            self.seen = size

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(PROGRAM), *words],
            cwd=self.someone.here,
            env=self.someone.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    with Address() as address:
        yield Growing(tmp_path, address)


def test_adding_verifying_and_changing_addresses_at_once_keeps_all_of_it(growing: Growing) -> None:
    commands = {
        "add": ("trust", "add", growing.invitation, "--yes"),
        "add again": ("trust", "add", growing.invitation, "--yes"),
        "mirror": ("trust", "mirror", "https://one.example"),
        "another mirror": ("trust", "mirror", "https://two.example"),
        "verify": VERIFY,
        "verify too": VERIFY,
        "look": ("show", "acme-lab/other"),
    }
    for _ in range(2):
        running = {name: growing.start(*words) for name, words in commands.items()}
        while any(process.poll() is None for process in running.values()):
            growing.look()
            if growing.releases < 40:
                growing.grow()
            time.sleep(0.02)
        for name, process in running.items():
            out, err = process.communicate(timeout=WAIT_S)
            assert process.returncode == (1 if name == "look" else 0), f"{name}: {out.decode()}{err.decode()}"
    growing.look()
    assert growing.seen > 8
    entry = root.find(growing.someone.home, {})
    assert sorted(entry.mirrors) == ["https://one.example", "https://two.example"]
    assert growing.someone.types(*VERIFY).says(0).json["log"]["size"] == growing.world.size


@pytest.mark.parametrize("command", ["verify", "add"])
def test_a_command_that_is_killed_leaves_the_last_good_state(command: str, growing: Growing) -> None:
    words = {"verify": VERIFY, "add": ("trust", "add", growing.invitation, "--yes")}[command]
    growing.someone.types(*VERIFY).says(0)
    whole = _timed(growing, *words)
    chance = random.Random(7)
    for _ in range(10):
        growing.grow()
        process = growing.start(*words)
        time.sleep(whole * chance.uniform(0.3, 1.0))
        process.kill()
        process.communicate(timeout=WAIT_S)
        growing.look()
        growing.someone.types("trust", "status").says(0, "TRUSTED")
    assert growing.someone.types(*VERIFY).says(0).json["log"]["size"] == growing.world.size
    growing.look()
    assert growing.seen == growing.world.size


def _timed(growing: Growing, *words: str) -> float:
    begun = time.monotonic()
    process = growing.start(*words)
    process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    return time.monotonic() - begun
