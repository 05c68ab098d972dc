"""SIGKILL, again and again, while releases are published: nothing acknowledged is lost, there is one history."""

from __future__ import annotations

import contextlib
import http.client
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from modelseal.errors import Malformed
from modelseal.formats import merkle
from modelseal.formats.checkpoint import Checkpoint, parse_proof
from modelseal.formats.note import Note
from tests.support import make
from tests.support.servers import Process, RegistryProcess, children, configure, lives, make_registry, operate, until

ROUNDS = 30
PUBLISHERS = 4
ACME = "hf://acme-lab"
OWNER, SIGNER = make.key("owner"), make.key("signer", "ed25519")


@dataclass(frozen=True)
class Acknowledged:
    submission: bytes
    index: int
    leaf: str


class Publishers:
    """Threads that publish one release after the other; what gets no answer is sent again until it gets one."""

    def __init__(self, registry: RegistryProcess) -> None:
        self._registry = registry
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._publish, args=(number,)) for number in range(PUBLISHERS)]
        self._threads.append(threading.Thread(target=self._watch))
        self.acknowledged: list[Acknowledged] = []
        self.taken: list[bytes] = []  # answered 202: it is to be logged
        self.seen: set[tuple[int, bytes]] = set()  # (size, root) of every checkpoint that anybody got
        self.faults: list[str] = []

    def _publish(self, me: int) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            self._send(self._registry.sealed(SIGNER, f"{ACME}/repo-{me}", number))

    def _send(self, submission: bytes) -> None:
        while not self._stop.is_set():
            try:
                status, answer = self._registry.post(submission)
            except (OSError, http.client.HTTPException, ValueError):  # no answer, or a part of one
                time.sleep(0.02)
                continue
            if status == 200:
                try:
                    self.check(answer["index"], answer["leaf"], answer["proof"])
                except (AssertionError, Malformed) as e:
                    self.faults.append(f"{answer}: {e}")
                self.acknowledged.append(Acknowledged(submission, answer["index"], answer["leaf"]))
            elif status == 202:
                self.taken.append(submission)
            else:
                self.faults.append(f"{status}: {answer}")
            return

    def check(self, index: int, leaf: str, proof: str) -> None:
        """Insist that *proof* proves it."""
        at, hashes, note = parse_proof(proof)
        head = self._remember(note)
        merkle.check_inclusion(merkle.leaf_hash(leaf.encode()), index, head.size, hashes, head.root)
        assert at == index

    def _watch(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, _, body = self._registry.ask("/checkpoint")
                if status == 200:
                    self._remember(body)
                else:
                    self.faults.append(f"checkpoint: {status}")
            time.sleep(0.01)

    def _remember(self, note: bytes | str) -> Checkpoint:
        head = checkpoint(note)
        self.seen.add((head.size, head.root))
        return head

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def checkpoint(note: bytes | str) -> Checkpoint:
    return Checkpoint.parse(Note.parse(note).text)


def committed(registry: RegistryProcess) -> list[bytes]:
    """Return every leaf of the database, while nobody writes."""
    with contextlib.closing(sqlite3.connect(registry.folder / "log.sqlite")) as database:
        rows = database.execute('SELECT "index", leaf FROM leaves ORDER BY "index"').fetchall()
    assert [index for index, _ in rows] == list(range(len(rows)))
    return [leaf for _, leaf in rows]


def check_histories(hashes: list[bytes], seen: set[tuple[int, bytes]]) -> None:
    """Every checkpoint of *seen* is over the first so many leaves: two of them never contradict each other."""
    for size, root in sorted(seen):
        assert size <= len(hashes), f"a checkpoint of {size} leaves was seen, {len(hashes)} are committed"
        assert merkle.root(hashes[:size]) == root, f"another history: size {size}"


def kill(registry: RegistryProcess, process: Process) -> None:
    """SIGKILL the main process and wait until its workers have ended by themselves."""
    below = children(process.pid)
    process.kill()
    registry.process = None
    until("the workers end", lambda: not any(lives(pid) for pid in below), 10)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RegistryProcess]:
    """One with as few processes as can be: it starts thirty times."""
    registry = make_registry(tmp_path / "reg")
    most = 10**9
    configure(registry.folder, workers=1, writes_per_minute=most, releases_per_day=most, releases_per_repo=most)
    registry.start()
    registry.approve(ACME, OWNER, [(SIGNER, f"{ACME}/*")])
    yield registry
    if registry.process:
        with registry.process:
            pass


def test_nothing_acknowledged_is_lost_and_there_is_one_history(registry: RegistryProcess) -> None:
    chance = random.Random(30)
    assert registry.process
    process = registry.process
    checked = 0
    with Publishers(registry) as publishers:
        for number in range(ROUNDS):
            time.sleep(chance.uniform(0, 0.8))
            kill(registry, process)
            # what is published is a prefix of what is committed, and so is all that was seen
            leaves = committed(registry)
            hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
            published = checkpoint((registry.public / "checkpoint").read_bytes())
            check_histories(hashes, {(published.size, published.root)})
            for one in list(publishers.acknowledged):
                assert leaves[one.index] == one.leaf.encode(), one.index
            process = registry.process = Process(registry.folder, "serve")
            if number % 4 == 3:  # dies while it starts, or not long after
                continue
            process.ready()
            new = publishers.acknowledged[checked:]
            checked += len(new)
            for one in chance.sample(new, min(3, len(new))):  # there after the restart, with a proof
                status, answer = registry.post(one.submission)
                assert (status, answer["index"], answer["leaf"]) == (200, one.index, one.leaf)
                publishers.check(answer["index"], answer["leaf"], answer["proof"])
    assert publishers.faults == []
    for submission in publishers.taken:
        assert registry.post(submission)[0] == 200
    assert registry.stop(signal.SIGTERM) == 0
    assert len(publishers.acknowledged) > ROUNDS, "too little was published to prove anything"
    leaves = committed(registry)
    assert all(leaves[one.index] == one.leaf.encode() for one in publishers.acknowledged)
    assert len({one.index for one in publishers.acknowledged}) == len(publishers.acknowledged)
    check_histories([merkle.leaf_hash(leaf) for leaf in leaves], publishers.seen)
    assert len(publishers.seen) > ROUNDS // 2
    operate(registry.folder, "check")
