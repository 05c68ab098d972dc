"""Files on their way: what is handed out, when, and what a lying or dying source can do."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import blake3
import pytest

from modelseal.errors import Error, Unavailable
from modelseal.formats.manifest import File
from modelseal.hubproxy import spool as module
from modelseal.hubproxy.check import BLOCK
from modelseal.hubproxy.spool import SMALL, Broken, Reader, Source, Spool, Wrong

BIG = bytes(range(256)) * ((SMALL + (3 << 20)) // 256)
LITTLE = b'{"model_type": "atlas"}'
KEY = ("hf://acme-lab/atlas-7b", "9c1f", "model.safetensors")


def sealed(data: bytes, *, size: int | None = None) -> File:
    return File("x", len(data) if size is None else size, hashlib.sha256(data).digest(), blake3.blake3(data).digest())


def nobody() -> bool:
    return False


class Bytes:
    """A source that gives *data* from the offset on, at most *then* bytes of it before the connection breaks."""

    def __init__(self, data: bytes, *, breaks_after: int | None = None, ranges: bool = True) -> None:
        self.data, self.breaks_after, self.ranges = data, breaks_after, ranges
        self.offsets: list[int] = []
        self.go_on: Callable[[], object] = lambda: None  # called before each block

    @contextlib.contextmanager
    def __call__(self, offset: int) -> Iterator[_Body]:
        self.offsets.append(offset)
        yield _Body(self, offset if self.ranges else 0)


class _Body:
    def __init__(self, source: Bytes, offset: int) -> None:
        self.offset, self._at, self._source = offset, offset, source
        self._left = source.breaks_after

    def readinto(self, buffer: memoryview) -> int:
        self._source.go_on()
        part = self._source.data[self._at : self._at + len(buffer)]
        if self._left is not None:
            part = part[: self._left]
            if not part:
                raise Broken("the connection is gone")
            self._left -= len(part)
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path)


def whole(reader: Reader) -> bytes:
    """Return what somebody gets who reads all of it as it comes."""
    got, position = b"", 0
    while position < reader.spooled.file.size or not reader.spooled.verified:
        end = reader.available(position, nobody)
        got += reader.spooled._read(position, end - position)
        position = end
    return got


@pytest.mark.parametrize("data", [BIG, LITTLE, b"", b"x" * SMALL, b"x" * (SMALL + 1)], ids=len)
def test_what_is_sealed_comes_through_once(spool: Spool, data: bytes, tmp_path: Path) -> None:
    source = Bytes(data)
    for _ in range(2):
        with spool.reading(KEY, sealed(data), source) as reader:
            assert whole(reader) == data
    assert source.offsets == ([0] if data else [])
    assert spool.verified(KEY, sealed(data)) and os.listdir(tmp_path) == []


def test_of_a_large_file_the_last_byte_waits_for_the_digest(spool: Spool) -> None:
    lie = BIG[:-1] + b"!"
    with spool.reading(KEY, sealed(BIG), Bytes(lie)) as reader:
        position = 0
        with pytest.raises(Wrong, match=f"sha256:{hashlib.sha256(BIG).hexdigest()} is sealed"):
            while True:
                position = reader.available(position, nobody)
        assert position <= len(BIG) - 1


def test_of_a_small_file_nothing_comes_before_it_is_checked(spool: Spool) -> None:
    with spool.reading(KEY, sealed(LITTLE), Bytes(LITTLE[:-1] + b"!")) as reader, pytest.raises(Wrong):
        reader.available(0, nobody)


LIES: dict[str, tuple[bytes, str]] = {
    "shorter": (BIG[:-1], f"{len(BIG)} bytes are sealed, {len(BIG) - 1} came"),
    "longer": (BIG + b"!", f"{len(BIG)} bytes are sealed, more came"),
    "much longer": (BIG * 2, f"{len(BIG)} bytes are sealed, more came"),
    "empty": (b"", f"{len(BIG)} bytes are sealed, 0 came"),
    "another first byte": (b"!" + BIG[1:], "is sealed, sha256:"),
}


@pytest.mark.parametrize("lie", LIES)
def test_other_bytes_are_wrong_and_stay_blocked(spool: Spool, lie: str) -> None:
    data, words = LIES[lie]
    with spool.reading(KEY, sealed(BIG), Bytes(data)) as reader, pytest.raises(Wrong, match=words):
        reader.all(nobody)
    honest = Bytes(BIG)
    with pytest.raises(Wrong, match=words), spool.reading(KEY, sealed(BIG), honest):
        pass
    assert spool.wrong(KEY, sealed(BIG)) and honest.offsets == []


def test_a_seal_whose_digests_contradict_each_other_passes_nothing(spool: Spool) -> None:
    file = File("x", len(LITTLE), hashlib.sha256(LITTLE).digest(), blake3.blake3(b"other").digest())
    with spool.reading(KEY, file, Bytes(LITTLE)) as reader, pytest.raises(Wrong, match="contradicts itself"):
        reader.all(nobody)


def test_without_blake3_in_the_seal_sha256_decides(spool: Spool) -> None:
    file = File("x", len(LITTLE), hashlib.sha256(LITTLE).digest())
    with spool.reading(KEY, file, Bytes(LITTLE)) as reader:
        assert whole(reader) == LITTLE


@pytest.mark.parametrize("ranges", [True, False])
def test_after_a_broken_connection_the_same_file_goes_on(spool: Spool, ranges: bool) -> None:
    source = Bytes(BIG, breaks_after=2 << 20, ranges=ranges)
    if not ranges:
        source.go_on = lambda: setattr(source, "breaks_after", None)  # the second connection holds
    with spool.reading(KEY, sealed(BIG), source) as reader:
        assert whole(reader) == BIG
    assert source.offsets[:2] == [0, 2 << 20] and len(set(source.offsets)) == len(source.offsets)


@pytest.mark.parametrize("ranges", [True, False])
def test_the_second_half_of_another_file_does_not_make_the_first_half_good(spool: Spool, ranges: bool) -> None:
    """The first connection lies and breaks, the second is honest: what came of the lie was handed out already."""
    source = Bytes(b"!" + BIG[1:], breaks_after=2 << 20, ranges=ranges)
    calls = 0

    def tell_the_truth() -> None:
        nonlocal calls
        calls += 1
        if calls == (2 << 20) // BLOCK + 2:
            source.data, source.breaks_after = BIG, None

    source.go_on = tell_the_truth
    with spool.reading(KEY, sealed(BIG), source) as reader, pytest.raises(Wrong):
        whole(reader)


def test_who_breaks_off_again_and_again_is_given_up(spool: Spool) -> None:
    source = Bytes(BIG, breaks_after=0)
    with spool.reading(KEY, sealed(BIG), source) as reader, pytest.raises(Broken):
        reader.available(0, nobody)
    assert len(source.offsets) == module.ATTEMPTS
    assert not spool.wrong(KEY, sealed(BIG))  # nobody saw other bytes
    with spool.reading(KEY, sealed(BIG), Bytes(BIG)) as reader:
        assert whole(reader) == BIG


def test_what_one_may_not_read_another_may(spool: Spool) -> None:
    @contextlib.contextmanager
    def refuses(_offset: int) -> Iterator[_Body]:
        raise Unavailable("not for you")
        yield

    with spool.reading(KEY, sealed(BIG), refuses) as first, spool.reading(KEY, sealed(BIG), Bytes(BIG)) as second:
        with pytest.raises(Unavailable, match="not for you"):
            first.available(0, nobody)
        assert whole(second) == BIG


def test_many_who_read_at_once_have_it_fetched_once(spool: Spool) -> None:
    source, got = Bytes(BIG), []
    start = threading.Barrier(8)

    def read() -> None:
        start.wait()
        with spool.reading(KEY, sealed(BIG), source) as reader:
            got.append(whole(reader))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [BIG] * 8 and source.offsets == [0]


def test_when_nobody_reads_any_more_the_download_ends_and_can_go_on(spool: Spool) -> None:
    source, may_go_on = Bytes(BIG), threading.Semaphore(1)
    source.go_on = may_go_on.acquire
    with spool.reading(KEY, sealed(BIG), source) as reader:
        assert reader.available(0, nobody) == BLOCK
    spooled = reader.spooled
    may_go_on.release(100)
    with spooled.changed:
        assert spooled.changed.wait_for(lambda: spooled.fetching is None, timeout=10)
    assert not spooled.verified
    with spool.reading(KEY, sealed(BIG), source) as reader:
        assert reader.spooled is spooled and whole(reader) == BIG
    assert source.offsets[0] == 0 and len(source.offsets) == 2 and source.offsets[1] > 0


def test_who_waits_for_a_client_that_has_hung_up_waits_no_longer(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_S", 0.01)
    source, never = Bytes(BIG), threading.Semaphore(0)
    source.go_on = never.acquire
    with spool.reading(KEY, sealed(BIG), source) as reader, pytest.raises(ConnectionAbortedError):
        reader.available(0, lambda: True)
    never.release(100)


def test_patience_ends(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_S", 0.01)
    source, never = Bytes(BIG), threading.Semaphore(0)
    source.go_on = never.acquire
    with spool.reading(KEY, sealed(BIG), source) as reader:
        assert not reader.all(nobody, patience_s=0.03)
        never.release(100)
        assert reader.all(nobody)


def test_a_file_sealed_anew_at_the_same_commit_is_another(spool: Spool) -> None:
    with spool.reading(KEY, sealed(LITTLE), Bytes(LITTLE)) as reader:
        assert whole(reader) == LITTLE
    with spool.reading(KEY, sealed(b"new"), Bytes(b"new")) as reader:
        assert whole(reader) == b"new"
    assert not spool.verified(KEY, sealed(LITTLE))


def test_the_oldest_that_nobody_reads_gives_way(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 2)
    keys = [("repo", "commit", str(number)) for number in range(3)]
    with spool.reading(keys[0], sealed(LITTLE), Bytes(LITTLE)) as kept:
        whole(kept)
        for key in keys[1:]:
            with spool.reading(key, sealed(LITTLE), Bytes(LITTLE)) as reader:
                whole(reader)
    assert [spool.verified(key, sealed(LITTLE)) for key in keys] == [True, False, True]


def test_a_file_for_which_there_is_no_room_is_refused_beforehand(spool: Spool) -> None:
    file = sealed(LITTLE, size=1 << 60)
    with pytest.raises(Error, match="has no room for"), spool.reading(KEY, file, Bytes(LITTLE)):
        pass


def test_a_bug_in_a_source_keeps_nobody_waiting(spool: Spool) -> None:
    def broken(_offset: int) -> contextlib.AbstractContextManager[_Body]:
        raise ZeroDivisionError

    source: Source = broken
    with spool.reading(KEY, sealed(BIG), source) as reader, pytest.raises(Error, match="internal error"):
        reader.available(0, nobody)
