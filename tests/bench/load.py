"""Ask a server as fast as it answers: keep-alive connections, several requests in flight, every reply checked.

`load` starts workers (`python -m tests.bench.load`, a process each) and lets them go at once. A worker speaks HTTP/1.1
by hand: what a general client spends on a request would hide what the server spends.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench.measure import Sample, busy, cpu_of_tree, foreign

ROOT = Path(__file__).parents[2]
CONNECTIONS = 16  # in flight altogether
WORKERS = max(1, (os.cpu_count() or 1) // 2)  # the other half of the machine is the server's
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)


def load(
    url: str, paths: Sequence[str], *, seconds: float, server: int, once: bool = False, size: int | None = None
) -> Sample:
    """Ask for *paths* in turn during *seconds* (or each of them once) and return how many were answered.

    *server* is the pid whose CPU is counted, with its children. Every reply must be 200 and, if *size* is given, that
    long: RuntimeError if one is not.
    """
    order: dict[str, Any] = {"url": url, "seconds": seconds, "once": once, "size": size}
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(WORKERS)
    ]
    try:
        for number, worker in enumerate(workers):
            assert worker.stdin and worker.stdout
            mine = paths[number::WORKERS] if once else paths
            worker.stdin.write(json.dumps(order | {"paths": mine}) + "\n")
            worker.stdin.flush()
        for worker in workers:
            assert worker.stdout
            if worker.stdout.readline() != "ready\n":
                raise RuntimeError(f"{url}: a worker could not connect")
        before, busy_before, begin = cpu_of_tree(server), busy(), time.perf_counter()
        for worker in workers:
            assert worker.stdin
            worker.stdin.write("go\n")
            worker.stdin.flush()
        answers = []
        for worker in workers:
            assert worker.stdout
            answers.append(worker.stdout.readline())
        wall, busy_after, after = time.perf_counter() - begin, busy(), cpu_of_tree(server)
    finally:
        for worker in workers:
            worker.communicate()
    if not all(answers):
        raise RuntimeError(f"{url}: a worker was not answered as it should be, see above")
    told = [json.loads(answer) for answer in answers]
    cpu = None if before is None or after is None else after - before
    ours = (cpu or 0) + sum(spent for _, spent in told)
    return Sample(wall, cpu, sum(done for done, _ in told), foreign(busy_before, busy_after, ours, wall))


class Connection:
    """One keep-alive connection with at most one request in flight."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self) -> int:
        """Take one reply in and return the length of its body."""
        data = self.socket.recv(1 << 16)
        while (end := data.find(b"\r\n\r\n")) < 0:
            more = self.socket.recv(1 << 16)
            if not more:
                raise RuntimeError("the server closed the connection")
            data += more
        length = LENGTH.search(data, 0, end + 2)
        if not data.startswith(b"HTTP/1.1 200 ") or length is None:
            raise RuntimeError(f"unexpected reply: {data[:500]!r}")
        size = int(length[1])
        missing = end + 4 + size - len(data)
        while missing > 0:
            piece = self.socket.recv(missing)
            if not piece:
                raise RuntimeError("the server closed the connection within a body")
            missing -= len(piece)
        return size


def work(order: dict[str, Any]) -> tuple[int, float]:
    """Do what `load` asks of one worker: connect, say ready, wait for go, ask.

    Return how many were answered, and the CPU seconds that the asking took.
    """
    address = urlsplit(order["url"])
    assert address.hostname and address.port
    head = f"HTTP/1.1\r\nHost: {address.netloc}\r\nAccept: */*\r\n\r\n"
    requests = [f"GET {path} {head}".encode() for path in order["paths"]]
    count = max(1, CONNECTIONS // WORKERS)
    waiting = [Connection(address.hostname, address.port) for _ in range(count)]
    print("ready", flush=True)
    sys.stdin.readline()

    begin = time.process_time()
    supply = iter(requests) if order["once"] else cycle(requests)
    end = time.perf_counter() + order["seconds"]
    asked: list[Connection] = []
    for connection in waiting:
        if request := next(supply, None):
            connection.socket.sendall(request)
            asked.append(connection)
    done = 0
    while asked:
        still: list[Connection] = []
        for connection in asked:
            size = connection.receive()
            if order["size"] not in (None, size):
                raise RuntimeError(f"a reply has {size} bytes, not {order['size']}")
            done += 1
            if time.perf_counter() < end and (request := next(supply, None)):
                connection.socket.sendall(request)
                still.append(connection)
        asked = still
    return done, time.process_time() - begin


if __name__ == "__main__":
    print(json.dumps(work(json.loads(sys.stdin.readline()))), flush=True)
