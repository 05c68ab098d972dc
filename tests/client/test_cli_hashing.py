"""How files are hashed, as people see it: the cache of digests, which digests, copies of what was hashed, the bar."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import pty
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modelseal import folders, keys
from modelseal.cache import FILE, DigestCache
from modelseal.formats.manifest import File
from modelseal.hashing import Digests
from modelseal.keys import SigningKey
from modelseal.platform.staging import PREFIX
from tests.support import make, oms
from tests.support.client import PROGRAM, Address, Someone, sealed_files
from tests.support.servers import until
from tests.support.world import World

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 80_000, "sub/tokenizer.json": b"[]"}
SMALL = {"config.json": b"{}"}
OTHER = {**FILES, "model.safetensors": bytes(reversed(range(256))) * 80_000}
VERIFY = ("--repo", "acme-lab/atlas-7b")
LARGE = 900_000_000  # bytes, none of which takes room
CACHED = "3 of 3 equal the seal, 20.5 MB, 3 of 3 digests from the cache of 20"
NOW = "3 of 3 equal the seal, 20.5 MB, hashed now"


@pytest.fixture(scope="module")
def world() -> World:
    world = World(now=int(time.time()))
    world.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    both = sealed_files(FILES)
    world.publish("hf://acme-lab/atlas-7b", 1, CI, both)
    world.publish("hf://acme-lab/older", 1, CI, both)
    world.publish("hf://acme-lab/older", 2, CI, sealed_files(OTHER))
    world.publish("hf://acme-lab/sha256-only", 1, CI, [replace(one, blake3=None) for one in both])
    world.publish("hf://acme-lab/small", 1, CI, sealed_files(SMALL))
    wrong = {one.name: one for one in sealed_files(OTHER)}["model.safetensors"].blake3
    twisted = [replace(one, blake3=wrong) if one.name == "model.safetensors" else one for one in both]
    world.publish("hf://acme-lab/twisted", 1, CI, twisted)
    world.publish("hf://acme-lab/large", 1, CI, [File("model.safetensors", LARGE, bytes([1]) * 32, bytes([2]) * 32)])
    return world


@pytest.fixture(scope="module")
def someone(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[Someone]:
    with Address(world.files()) as address:
        yield Someone(tmp_path_factory.mktemp("hashing"), world, address)


@pytest.fixture(scope="module")
def settled(someone: Someone) -> Iterator[list[Path]]:
    """Several folders with the same files, all old enough for the cache."""
    found = [someone.folder(f"settled-{number}", FILES) for number in range(6)]
    found.append(someone.folder("small", SMALL))
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as top:
        shutil.copytree(found[0], Path(top) / "mapped")
        found.append(Path(top) / "mapped")
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(open(found[-1] / "model.safetensors", "r+b"))
            view = stack.enter_context(mmap.mmap(file.fileno(), 0))
            view[0] = FILES["model.safetensors"][0]  # the page is dirty before anybody hashes
            changed = max(path.stat().st_ctime for folder in found for path in folder.rglob("*"))
            until("the files are two seconds old", lambda: time.time() > changed + 2.05)
            VIEWS[found[-1]] = view
            yield found


VIEWS: dict[Path, mmap.mmap] = {}


# the cache


def test_the_second_time_the_digests_come_from_the_cache_and_it_says_so(someone: Someone, settled: list[Path]) -> None:
    folder = settled[0]
    someone.run("verify", folder, *VERIFY).says(0, "VERIFIED", NOW + " (blake3)")
    done = someone.run("verify", folder, *VERIFY).says(0, "VERIFIED", CACHED, "UTC; --recheck hashes again (blake3)")
    assert "hashed now" not in done.out
    someone.run("verify", folder, *VERIFY, "--recheck").says(0, NOW)
    found = someone.types("verify", folder, *VERIFY, "--json").says(0).json
    assert found["cache"]["files"] == 3
    assert abs(found["cache"]["since"] - time.time()) < 60
    assert someone.types("verify", folder, *VERIFY, "--json", "--recheck").json["cache"] == {"files": 0, "since": None}
    cache = someone.home / "cache" / FILE
    assert cache.stat().st_mode & 0o777 == 0o600


def test_where_hashing_takes_no_longer_than_looking_the_cache_is_not_asked(someone: Someone) -> None:
    someone.types("verify", "./small", "--repo", "acme-lab/small", "--recheck").says(0, "hashed now")
    someone.types("verify", "./small", "--repo", "acme-lab/small").says(0, "hashed now")


def test_files_that_are_younger_than_two_seconds_are_not_remembered(someone: Someone) -> None:
    someone.folder("young", FILES)
    for _ in range(2):
        someone.types("verify", "./young", *VERIFY).says(0, NOW)


def test_a_changed_file_is_seen_though_size_and_mtime_are_the_same(someone: Someone, settled: list[Path]) -> None:
    folder = settled[1]
    someone.types("verify", folder, *VERIFY).says(0)
    path = folder / "model.safetensors"
    before = path.stat()
    path.write_bytes(OTHER["model.safetensors"])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    done = someone.types("verify", folder, *VERIFY)
    done.says(1, "FAILED", "differs:  model.safetensors, same size", "expected blake3:", "found    blake3:")


def test_a_live_mmap_writer_defeats_it_and_recheck_sees_the_change(someone: Someone, settled: list[Path]) -> None:
    folder = settled[-1]
    someone.types("verify", folder, *VERIFY).says(0, NOW)
    VIEWS[folder][0] ^= 1
    someone.types("verify", folder, *VERIFY).says(0, CACHED)
    # What hands files over, or signs them, never asks the cache.
    someone.types("verify", folder, *VERIFY, "--copy-to", "mapped-copy").says(1, "FAILED", "model.safetensors")
    assert not (someone.here / "mapped-copy").exists()
    someone.types("verify", folder, *VERIFY, "--recheck").says(1, "FAILED", "model.safetensors")
    someone.types("verify", folder, *VERIFY).says(1, "FAILED", "model.safetensors")
    VIEWS[folder][0] ^= 1


@pytest.mark.parametrize("damage", [b"", b"not a database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_cache_is_ignored_and_made_again(damage: bytes, someone: Someone, settled: list[Path]) -> None:
    (someone.home / "cache" / FILE).write_bytes(damage)
    someone.types("verify", settled[0], *VERIFY).says(0, "VERIFIED", NOW)
    someone.types("verify", settled[0], *VERIFY).says(0, CACHED)


def test_nobody_is_accused_on_what_a_cache_says(someone: Someone, settled: list[Path]) -> None:
    files = folders.walk(settled[2]).files
    wrong = [(one, Digests(one.size, bytes([1]) * 32, bytes([2]) * 32)) for one in files]
    DigestCache(someone.home / "cache").keep(wrong, 1 << 62)
    someone.types("verify", settled[2], *VERIFY).says(0, "VERIFIED", NOW)
    someone.types("verify", settled[2], *VERIFY).says(0, CACHED)


def test_the_files_of_an_older_release_are_found_with_the_cache_too(someone: Someone, settled: list[Path]) -> None:
    for _ in range(2):
        done = someone.types("verify", settled[3], "--repo", "acme-lab/older")
        done.says(0, "VERIFIED", "an older release; the newest is")
    assert "3 of 3 digests from the cache" in done.out and "(sha256)" in done.out


def test_a_signature_by_another_tool_is_held_against_digests_from_the_cache_too(
    someone: Someone, settled: list[Path]
) -> None:
    ana = oms.key("P-256")
    (someone.here / "ana.pub").write_bytes(oms.public_pem(ana))
    (someone.here / "ana.sig").write_bytes(oms.sign(ana, FILES))
    words = ("verify", settled[5], "--signature", "ana.sig", "--key", "ana.pub")
    equal = "3 of 3 equal the signature, 20.5 MB, "
    someone.types(*words).says(0, "SIGNATURE VALID", equal + "hashed now (sha256)")
    done = someone.types(*words).says(0, "SIGNATURE VALID", equal + "3 of 3 digests from the cache of 20")
    assert "UTC; --recheck hashes again (sha256)" in done.out and "hashed now" not in done.out
    found = someone.types(*words, "--json").says(0).json["cache"]
    assert found["files"] == 3 and abs(found["since"] - time.time()) < 60
    assert someone.types(*words, "--recheck", "--json").says(0).json["cache"] == {"files": 0, "since": None}
    files = folders.walk(settled[5]).files
    DigestCache(someone.home / "cache").keep([(one, Digests(one.size, bytes(32), bytes(32))) for one in files], 1 << 62)
    DigestCache(someone.home / "cache").keep(
        [(one, Digests(one.size, bytes([1]) * 32, None)) for one in files], 1 << 62
    )
    someone.types(*words).says(0, "SIGNATURE VALID", equal + "hashed now")  # nobody is accused on what it says
    (settled[5] / "config.json").write_bytes(b"[]")
    someone.types(*words).says(1, "FAILED", "differs:  config.json, other bytes")


def test_the_cache_of_a_home_that_cannot_be_written_is_none(someone: Someone, settled: list[Path]) -> None:
    cache = someone.home / "cache"
    kept = cache.rename(cache.with_name("kept"))
    cache.write_text("in the way")
    try:
        someone.types("verify", settled[0], *VERIFY).says(0, NOW)
    finally:
        cache.unlink()
        kept.rename(cache)


# which digests


@pytest.mark.parametrize(
    ("choice", "said"),
    [("auto", "(blake3)"), ("blake3", "(blake3)"), ("sha256", "(sha256)"), ("both", "(sha256 and blake3)")],
)
def test_hash_says_which_digests_are_compared(choice: str, said: str, someone: Someone, settled: list[Path]) -> None:
    words = ("verify", settled[4], *VERIFY, "--hash", choice, "--jobs", "1")
    someone.types(*words).says(0, "VERIFIED", said)
    assert someone.types(*words, "--json").json["digest"] == said.strip("()")


def test_only_both_sees_a_contradictory_seal(someone: Someone, settled: list[Path]) -> None:
    twisted = ("verify", settled[4], "--repo", "acme-lab/twisted")
    someone.types(*twisted, "--hash", "sha256").says(0, "VERIFIED")
    done = someone.types(*twisted, "--hash", "both")
    done.says(1, "FAILED", "1 file has a contradictory seal", "expected sha256:", "found    sha256:", "blake3:")
    [finding] = someone.types(*twisted, "--hash", "both", "--json").says(1).json["findings"]
    assert finding["kind"] == "contradictory"
    assert finding["expected"] != finding["found"]
    assert finding["expected"].partition(", ")[0] == finding["found"].partition(", ")[0]


def test_a_seal_without_blake3_is_compared_by_sha256(someone: Someone, settled: list[Path]) -> None:
    words = ("verify", settled[4], "--repo", "acme-lab/sha256-only")
    for choice in ("auto", "both"):
        someone.types(*words, "--hash", choice).says(0, "VERIFIED", "(sha256)")
    someone.types(*words, "--hash", "blake3").says(2, "no blake3 digests at hand", "leave out --hash")


BAD = {
    "no such digest": (["--hash", "md5"], "'md5' is not one of"),
    "no jobs": (["--jobs", "0"], "0 is not in the range"),
    "jobs in words": (["--jobs", "many"], "'many' is not a valid integer range"),
    "copy into the folder": (["--copy-to", "settled-0/copy"], "is inside"),
    "copy to nowhere": (["--copy-to", "none/copy"], "none: no such folder"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options_are_usage_errors(case: str, someone: Someone, settled: list[Path]) -> None:
    words, says = BAD[case]
    assert someone.types("verify", "./settled-0", *VERIFY, *words, "--json").says(2, says).json["verdict"] == "usage"


# copies of what was hashed


def read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_copy_to_hands_over_the_sealed_files_and_no_others(someone: Someone) -> None:
    folder = someone.folder("whole", {**FILES, ".gitattributes": b"*.bin filter=lfs", "model.sig": b"not looked at"})
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("[core]")
    words = ("verify", "./whole", *VERIFY, "--copy-to")
    someone.types(*words, "handed").says(0, "VERIFIED", "(sha256 and blake3)", "copied:   what was hashed, to handed")
    assert read(someone.here / "handed") == FILES
    assert someone.types(*words, "again", "--json").says(0).json["wrote"] == ["again"]
    someone.types(*words, "handed").says(1, "handed exists already and is not overwritten")
    someone.types("verify", "./handed", *VERIFY).says(0, "VERIFIED")
    assert not [path for path in someone.here.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("repo", ["acme-lab/atlas-7b", "acme-lab/nobody-s", "acme-lab/twisted"])
def test_copy_to_hands_over_nothing_where_the_verdict_is_not_zero(repo: str, someone: Someone) -> None:
    name = "bad-" + repo.replace("/", "-")
    someone.folder(name, OTHER if repo.endswith("7b") else FILES)
    before = set(someone.here.iterdir())
    done = someone.types("verify", f"./{name}", "--repo", repo, "--copy-to", "no-copy", "--json")
    assert done.code in (1, 5)
    assert done.json["wrote"] == []
    assert set(someone.here.iterdir()) == before


def test_copy_to_of_a_hub_snapshot_makes_files_of_its_links(someone: Someone) -> None:
    top = someone.here / "hub" / "models--acme-lab--atlas-7b"
    snapshot = top / "snapshots" / make.revision(1)
    snapshot.mkdir(parents=True)
    (top / "blobs").mkdir()
    part = {name: FILES[name] for name in ("config.json", "model.safetensors")}
    for name, data in part.items():
        (top / "blobs" / hashlib.sha256(data).hexdigest()).write_bytes(data)
        (snapshot / name).symlink_to(f"../../blobs/{hashlib.sha256(data).hexdigest()}")
    someone.types("verify", snapshot, "--copy-to", "from-hub").says(0, "VERIFIED 2 of 3 files")
    assert read(someone.here / "from-hub") == part
    assert not any(path.is_symlink() for path in (someone.here / "from-hub").iterdir())


@pytest.fixture(scope="module")
def large(someone: Someone) -> Path:
    """A folder that takes a while to read; it is not what was sealed, which only shows at the end."""
    folder = someone.here / "large"
    folder.mkdir()
    with open(folder / "model.safetensors", "wb") as file:
        file.truncate(LARGE)
    return folder


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_copy_to_that_is_killed_leaves_nothing(number: signal.Signals, someone: Someone, large: Path) -> None:
    before = set(someone.here.iterdir())
    argv = [str(PROGRAM), "verify", str(large), "--repo", "acme-lab/large", "--copy-to", "killed"]
    process = subprocess.Popen(
        argv, cwd=someone.here, env=someone.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until("it copies", lambda: list(someone.here.glob(f"{PREFIX}*/folder/*")))
    assert process.poll() is None
    process.send_signal(number)
    assert process.wait(timeout=60) == (-9 if number == signal.SIGKILL else 143)
    until("nothing is left", lambda: set(someone.here.iterdir()) == before)


# the bar


@pytest.mark.parametrize("command", ["verify", "verify --signature", "sign --plain", "sign", "publish"])
def test_hashing_shows_all_bytes_and_the_time_left_on_a_terminal(command: str, someone: Someone, large: Path) -> None:
    keys.write_pair(someone.here / f"k-{command}", SigningKey(CI.secret, CI.public), None)
    key = ["--key", f"k-{command}.key", "--jobs", "1"]
    release = ["--repo", f"acme-lab/large@{make.revision(2)}", "--no-hub", "--hash", "sha256"]
    words = {
        "verify": ["verify", str(large), "--repo", "acme-lab/large", "--hash", "sha256", "--recheck"],
        "verify --signature": ["verify", str(large), "--signature", "l.sig", "--key", "l.pub", "--jobs", "1"],
        "sign --plain": ["sign", str(large), "--plain", "--signature", "plain.sig", *key],
        "sign": ["sign", str(large), *release, "--signature", "large.sig", *key],
        "publish": ["publish", str(large), *release, "--signature", "large.sig", "--dry-run", *key],
    }
    (someone.here / "l.pub").write_bytes(oms.public_pem(oms.key("P-256")))
    (someone.here / "l.sig").write_bytes(oms.sign(oms.key("P-256"), {"model.safetensors": b"other bytes"}))
    seen = on_terminal(someone, words[command])
    assert b"hashing" in seen and b"/900.0 MB" in seen and b"/s" in seen and b"0:0" in seen
    if command == "sign --plain":
        assert on_terminal(someone, [*words[command], "-q"]) == b""


def on_terminal(someone: Someone, words: list[str]) -> bytes:
    """Run the command with a terminal as stderr only; return what that got."""
    leader, follower = pty.openpty()
    seen: list[bytes] = []

    def drain() -> None:
        with contextlib.suppress(OSError):  # the last writer has gone
            while data := os.read(leader, 4096):
                seen.append(data)

    env = {**someone.env, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        [str(PROGRAM), *words], cwd=someone.here, env=env, stdout=subprocess.DEVNULL, stderr=follower
    ) as process:
        os.close(follower)
        reader = threading.Thread(target=drain)
        reader.start()
    reader.join()
    os.close(leader)
    assert process.returncode in (0, 1)
    return b"".join(seen)
