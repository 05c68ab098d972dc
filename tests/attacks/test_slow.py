"""Senders who take their time: hundreds of connections held open do not stop reads, and are cut."""

from __future__ import annotations

import contextlib
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from modelseal_registry import bodies, server
from modelseal_registry.bodies import Bodies
from tests.support.servers import RegistryProcess, running
from tests.support.servers import ask as ask_once

HELD = 300
HEADER = b"POST /records HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address of this machine only on Linux")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    with running(tmp_path_factory.mktemp("slow") / "reg") as found:
        yield found


@contextlib.contextmanager
def held(port: int, sent: bytes, count: int) -> Iterator[list[socket.socket]]:
    """*count* connections from another address of this machine that have sent *sent*, and nothing more."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30, ("127.0.0.2", 0)))
            one.sendall(sent)
            found.append(one)
        yield found


def ends(connections: list[socket.socket], wait_s: float) -> Counter[bytes]:
    """Wait until the server has ended all *connections*; return how often each first word of an answer came."""
    said: dict[socket.socket, bytes] = dict.fromkeys(connections, b"")
    end = time.monotonic() + wait_s
    with selectors.DefaultSelector() as selector:
        for each in connections:
            selector.register(each, selectors.EVENT_READ)
        while selector.get_map():
            assert time.monotonic() < end, f"{len(selector.get_map())} connections are still open"
            for key, _ in selector.select(1):
                one = key.fileobj
                assert isinstance(one, socket.socket)
                with contextlib.suppress(ConnectionResetError):
                    if data := one.recv(1 << 16):
                        said[one] += data
                        continue
                selector.unregister(one)
    return Counter(words.split(b" ", 2)[1] if b" " in words else b"" for words in said.values())


def reads(port: int) -> float:
    """Read some; return the longest that one took."""
    longest = 0.0
    for path in ("/checkpoint", "/evidence/nobody/nothing", "/healthz", "/tile/0/000.p/2") * 5:
        began = time.monotonic()
        assert ask_once(port, path)[0] == 200
        longest = max(longest, time.monotonic() - began)
    return longest


def test_slow_headers_and_slow_bodies_do_not_stop_reads_and_are_cut(registry: RegistryProcess) -> None:
    quick = reads(registry.port)
    with (
        held(registry.port, HEADER, HELD) as heads,
        held(registry.port, HEADER + b'Content-Length: 100000\r\n\r\n{"v', HELD) as bodies_,
    ):
        assert reads(registry.port) < max(2.0, 20 * quick)
        answered = ends(bodies_, bodies.CHUNK_S + 20)
        # As many as there are places are read, and cut; then 503, until the address has used up its minute.
        assert answered.total() == HELD and answered[b"429"] > HELD / 2
        assert answered[b"503"] > 0 and answered[b""] + answered[b"408"] > 0
        ends(heads, server.HEADER_MS / 1000 + 20)
    status, answer = registry.post(b"{}")
    assert status == 400, answer


def test_a_body_that_comes_in_pieces_is_read_to_its_end(registry: RegistryProcess) -> None:
    with held(
        registry.port, HEADER.replace(b"Host", b"Connection: close\r\nHost") + b"Content-Length: 9\r\n\r\n", 1
    ) as (one,):
        for piece in (b'{"v"', b":1", b"   "):
            one.sendall(piece)
        assert one.recv(1 << 16).startswith(b"HTTP/1.1 4")


def test_only_so_many_submissions_are_in_hand_and_few_large_ones() -> None:
    with contextlib.ExitStack() as stack:
        found = Bodies()
        for _ in range(bodies.LARGE):
            stack.enter_context(found.place(bodies.LARGE_BYTES + 1))
        with pytest.raises(Exception, match="too many submissions"), found.place(bodies.LARGE_BYTES + 1):
            pass
        for _ in range(bodies.MOST - bodies.LARGE):
            stack.enter_context(found.place(1))
        with pytest.raises(Exception, match="too many submissions"), found.place(1):
            pass
    with found.place(bodies.LARGE_BYTES + 1):
        assert bodies.MOST < server.THREADS, "the others serve reads"
