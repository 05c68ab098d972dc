"""`modelseal get` killed anywhere, twice at once, on a full disk: no file has a name where loaders look that was not
verified, and the next run ends it."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cache import HubCache
from tests.support.client import Address
from tests.support.getter import CACHED, NAME, NEWER, REPO, TWO, Getter, a_world, getting, read
from tests.support.hub import Answer
from tests.support.killed import Killer
from tests.support.servers import until
from tests.support.world import World

KILLED = -9


@pytest.fixture(scope="module")
def world() -> World:
    return a_world()


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[Address]:
    with Address(world.files()) as address:
        yield address


@pytest.fixture
def getter(tmp_path: Path, world: World, address: Address) -> Iterator[Getter]:
    with getting(tmp_path, world, address) as getter:
        yield getter


@pytest.fixture
def killer(getter: Getter) -> Iterator[Killer]:
    with Killer(getter.someone.here, {**getter.someone.env, **getter.env}) as killer:
        yield killer


def loadable(getter: Getter) -> dict[str, bytes]:
    """Every file that a loader could find, by its name in the release."""
    found: dict[str, bytes] = {}
    for place in ((getter.cache / CACHED / "snapshots").glob("*"), getter.someone.here.glob("[!.]*")):
        for folder in place:
            found |= read(folder)
    return found


def clean(getter: Getter) -> None:
    import shutil

    for folder in (getter.cache, *getter.someone.here.iterdir()):
        shutil.rmtree(folder, ignore_errors=True)


POINTS = {
    "a new cache": (("replace", 1), ("replace", 4), ("replace", 6), ("symlink", 4), ("rename", 1), ("makedirs", 12)),
    "a poisoned cache": (("unlink", 1), ("unlink", 9), ("replace", 7), ("replace", 8)),
    "a folder": (("link", 2), ("rename", 1)),
}


@pytest.mark.parametrize("where", POINTS)
def test_killed_anywhere(where: str, getter: Getter, killer: Killer) -> None:
    """Each step of the moving alone: `client/test_into_cache.py`."""
    words = (NAME, "--local-dir", "./atlas") if where == "a folder" else (NAME,)
    bad = {"config.json": b"??", "loader.py": b"evil"} if where == "a poisoned cache" else {}
    killed = 0
    for call, number in POINTS[where]:
        clean(getter)
        if bad:
            HubCache(getter.cache).snapshot(CACHED, TWO, bad)
        killed += killer.run("get", *words, before={call: number}) == KILLED
        for name, data in loadable(getter).items():
            assert NEWER.get(name) == data or bad.get(name) == data, (call, number, name)
        assert killer.run("get", *words) == 0, killer.printed
        assert loadable(getter) == NEWER, (call, number)
    assert killed > len(POINTS[where]) / 2


def test_killed_while_it_downloads(getter: Getter, killer: Killer) -> None:
    reached, go = threading.Event(), threading.Event()

    def slow(method: str, path: str) -> Answer | None:
        if method == "GET" and path.endswith("model.safetensors"):
            reached.set()
            go.wait(20)
        return None

    getter.hub.hook = slow
    with killer.begun("get", NAME) as one:
        assert reached.wait(20)
        until("the small ones are there", lambda: len(list(getter.cache.rglob("**/snapshots/*/**/*.json"))) == 2, 20)
        assert one.kill() == KILLED
    go.set()
    assert loadable(getter) == {}
    assert [path.name for path in getter.waiting()] == [CACHED]
    getter.hub.hook = lambda method, path: None
    getter.downloads()
    assert killer.run("get", NAME) == 0
    assert getter.downloads() == ["model.safetensors"]  # what was there already is not downloaded again
    assert loadable(getter) == NEWER
    assert getter.waiting() == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_it_ends_at_once_when_it_is_told_to(number: int, status: int, getter: Getter, killer: Killer) -> None:
    reached, go = threading.Event(), threading.Event()

    def stuck(method: str, path: str) -> Answer | None:
        if method == "GET" and path.endswith("model.safetensors"):
            reached.set()
            go.wait(40)
        return None

    getter.hub.hook = stuck
    with killer.begun("get", NAME) as one:
        assert reached.wait(20)
        began = time.monotonic()
        assert one.kill(number) == status
        assert time.monotonic() - began < 9, "the Hub's client waits ten seconds for the next bytes"
    go.set()
    assert loadable(getter) == {}
    getter.hub.hook = lambda method, path: None
    assert killer.run("get", NAME) == 0
    assert loadable(getter) == NEWER


def test_two_at_once_download_it_once(getter: Getter, killer: Killer) -> None:
    reached, go = threading.Event(), threading.Event()

    def slow(method: str, path: str) -> Answer | None:
        if method == "GET" and path.endswith("model.safetensors"):
            reached.set()
            go.wait(20)
        return None

    getter.hub.hook = slow
    with killer.begun("get", NAME) as first, Killer(getter.someone.here, {**getter.someone.env, **getter.env}) as other:
        assert reached.wait(20)
        with other.begun("get", NAME) as second:
            until("it waits", lambda: "waiting for it" in (other.printed if other._out.exists() else ""), 20)
            go.set()
            assert (first.wait(), second.wait()) == (0, 0)
        assert "3 were right there already" in other.printed
    assert getter.downloads() == sorted(NEWER)
    assert loadable(getter) == NEWER
    assert getter.waiting() == []


def test_a_liar_is_refused_wherever_it_lies_and_what_was_refused_is_forgotten(getter: Getter) -> None:
    getter.hub.lie(REPO, "model.safetensors", b"x" * len(NEWER["model.safetensors"]))
    for _ in range(2):
        getter.get(NAME).says(1, "FAILED", "model.safetensors, same size")
        assert loadable(getter) == {}
        left = [path for path in getter.cache.rglob("*") if path.is_file()]
        assert all(path.read_bytes() != b"x" * len(NEWER["model.safetensors"]) for path in left)
    getter.hub.lie(REPO, "model.safetensors", NEWER["model.safetensors"])
    getter.get(NAME).says(0, "VERIFIED")
    assert loadable(getter) == NEWER


def test_an_etag_of_another_blob_replaces_nothing(getter: Getter) -> None:
    """A Hub that calls our bytes by the name of somebody else's blob must not reach that one."""
    other = HubCache(getter.cache).snapshot(CACHED, "f" * 40, {"model.safetensors": b"of another commit"})
    victim = Path(str((other / "model.safetensors").resolve()))

    def etag(method: str, path: str) -> Answer | None:
        if not path.endswith("config.json") or "/resolve/" not in path:
            return None
        headers = {"X-Repo-Commit": TWO, "ETag": f'"{victim.name}"', "Accept-Ranges": "bytes"}
        return Answer(200, NEWER["config.json"], headers)

    getter.hub.hook = etag
    getter.get(NAME).says(0, "VERIFIED")
    assert victim.read_bytes() == b"of another commit"
    assert getter.there() == NEWER


def test_a_listing_that_differs_between_two_questions(getter: Getter) -> None:
    """The listing that was compared is the sealed one; the tree that the Hub's client reads then has a file more."""
    files = getter.hub.repos[REPO].commits[TWO]

    def more(method: str, path: str) -> Answer | None:
        if "/tree/" in path:
            files["loader.py"] = b"evil"
        return None

    getter.hub.hook = more
    getter.get(NAME).says(0, "VERIFIED")
    assert loadable(getter) == NEWER


def test_nonsense_instead_of_a_tree(getter: Getter) -> None:
    for body in (
        b"null",
        b"[7]",
        b"{",
        b'[{"type": "file"}]',
        b'[{"type":"file","path":"../../x","size":1,"oid":"a"}]',
    ):
        getter.hub.hook = lambda method, path, body=body: (  # type: ignore[misc]
            Answer(200, body, {"Content-Type": "application/json"}) if "/tree/" in path else None
        )
        ran = getter.get(NAME)
        assert ran.code in (1, 6) and "VERIFIED" not in ran.out and "Traceback" not in ran.err, (body, ran)
        assert loadable(getter) == {}
    with contextlib.suppress(FileNotFoundError):
        assert list((getter.someone.home).parent.glob("x")) == []
