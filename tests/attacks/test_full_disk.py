"""A disk that is full, in the middle or from the start: said in clear words, nothing half written, never exit 0.

The disks are small ones that a user without rights may mount in a namespace of his own, where the system lets him; and
everywhere a limit on the size of files, which fails the same calls.
"""

from __future__ import annotations

import functools
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelseal import keys
from modelseal.keys import SigningKey
from tests.support import make
from tests.support.client import PROGRAM, WAIT_S, Address, Ran, Someone, sealed_files
from tests.support.world import World

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 6_000, "sub/tokenizer.json": b"[]"}
RELEASE = ("--repo", "acme-lab/atlas-7b", "--revision", make.revision(1), "--no-hub", "--key", "ci.key")

# $0: the disk, $1: KB free on it. What stands in $0.before is on it from the start; $0.after is what was on it at last.
_SCRIPT = """
disk=$0 free=$1; shift
mkdir -p "$disk" "$disk.before"
{mount}
cp -R "$disk.before/." "$disk"
{fill}
({limit} exec "$@"); code=$?
rm -f "$disk/filler"
cp -R "$disk/." "$disk.after"
exit $code
"""
_LIMIT = ["sh", "-c", _SCRIPT.format(mount="", fill="", limit="ulimit -f $((free * 2));")]
_FILL = 'head -c 1048576 /dev/zero > "$disk/filler" 2>/dev/null; truncate -s -${free}K "$disk/filler"'
_MOUNT = 'mount -t tmpfs -o size=1m,mode=0755 none "$disk" || exit 99'
_SMALL = ["unshare", "-Urm", "sh", "-c", _SCRIPT.format(mount=_MOUNT, fill=_FILL, limit="")]


@functools.cache
def disks() -> dict[str, tuple[list[str], str]]:
    """Each kind: what runs a command with it, and what the system says there."""
    found = {"a limit on the size of files": (_LIMIT, "file too large")}
    try:
        tried = subprocess.run([*_SMALL[:-1], "mount -t tmpfs none /mnt"], capture_output=True)
    except FileNotFoundError:  # no such program: not Linux
        return found
    return found | ({"a full disk": (_SMALL, "no space left on device")} if tried.returncode == 0 else {})


@pytest.fixture(scope="module")
def someone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Someone]:
    world = World(now=int(time.time()))
    world.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    world.publish("hf://acme-lab/atlas-7b", 1, CI, sealed_files(FILES))
    with Address(world.files()) as address:
        someone = Someone(tmp_path_factory.mktemp("full"), world, address)
        someone.folder("atlas-7b", FILES)
        keys.write_pair(someone.here / "ci", SigningKey(CI.secret, CI.public), None)
        yield someone


def run(someone: Someone, kind: str, disk: str, free: int, *words: str) -> Ran:
    """Run `modelseal WORDS...` with *free* KB left on *disk*."""
    argv = [*disks()[kind][0], disk, str(free), str(PROGRAM), *words]
    done = subprocess.run(argv, cwd=someone.here, env=someone.env, capture_output=True, timeout=WAIT_S)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def on(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.mark.parametrize("kind", disks())
@pytest.mark.parametrize("free", [600, 0])
def test_a_copy_that_does_not_fit_is_no_copy(kind: str, free: int, someone: Someone) -> None:
    disk = f"copy-{list(disks()).index(kind)}-{free}"
    words = ("verify", "./atlas-7b", "--repo", "acme-lab/atlas-7b", "--copy-to", f"./{disk}/copy")
    done = run(someone, kind, disk, free, *words).says(1, "cannot be written", disks()[kind][1])
    assert "VERIFIED" not in done.out
    assert "the copy of model.safetensors" in done.err or free == 0
    assert on(someone.here / f"{disk}.after") == {}


@pytest.mark.parametrize("kind", disks())
def test_programs_are_told_not_to_use_it(kind: str, someone: Someone) -> None:
    disk = f"json-{list(disks()).index(kind)}"
    words = ("verify", "./atlas-7b", "--repo", "acme-lab/atlas-7b", "--copy-to", f"./{disk}/copy", "--json")
    found = run(someone, kind, disk, 600, *words).says(1).json
    assert found["use"] == "no" and "cannot be written" in found["error"]


@pytest.mark.parametrize("kind", disks())
@pytest.mark.parametrize("how", [RELEASE, ("--plain", "--key", "ci.key")], ids=["a seal", "a plain signature"])
def test_a_seal_that_does_not_fit_is_not_written(kind: str, how: tuple[str, ...], someone: Someone) -> None:
    disk = f"seal-{list(disks()).index(kind)}-{len(how)}"
    words = ("sign", "./atlas-7b", *how, "--signature", f"./{disk}/model.sig")
    done = run(someone, kind, disk, 0, *words).says(1, f"{disk}/model.sig: cannot be written", disks()[kind][1])
    assert done.out == ""
    assert on(someone.here / f"{disk}.after") == {}


@pytest.mark.parametrize("kind", disks())
def test_the_seal_that_stood_there_stays_whole(kind: str, someone: Someone) -> None:
    disk = f"again-{list(disks()).index(kind)}"
    before = someone.here / f"{disk}.before"
    before.mkdir()
    someone.run("sign", "./atlas-7b", *RELEASE, "--signature", before / "model.sig").says(0)
    someone.folder("newer", {**FILES, "config.json": b"{ }"})
    words = ("sign", "./newer", *RELEASE, "--signature", f"./{disk}/model.sig")
    run(someone, kind, disk, 0, *words).says(1, "model.sig: cannot be written", disks()[kind][1])
    assert on(someone.here / f"{disk}.after") == on(before)


@pytest.mark.parametrize("kind", disks())
def test_a_report_that_does_not_fit_is_not_written(kind: str, someone: Someone) -> None:
    disk = f"report-{list(disks()).index(kind)}"
    words = ("verify", "./atlas-7b", "--repo", "acme-lab/atlas-7b", "--report", f"./{disk}/report.html")
    done = run(someone, kind, disk, 0, *words)
    assert done.code != 0 and "Traceback" not in done.err
    assert "report.html" in done.err and disks()[kind][1] in done.err
    assert on(someone.here / f"{disk}.after") == {}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [["--json"], []])
def test_a_report_on_a_full_output_is_no_success(words: list[str], someone: Someone) -> None:
    argv = [str(PROGRAM), "verify", "./atlas-7b", "--repo", "acme-lab/atlas-7b", *words]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(argv, cwd=someone.here, env=someone.env, stdout=full, stderr=subprocess.PIPE)
    says = "modelseal: the output cannot be written: no space left on device\n"
    assert (done.returncode, done.stderr.decode()) == (7, says)


def test_an_error_that_stdout_cannot_take_is_said_on_stderr(someone: Someone) -> None:
    argv = f"exec {PROGRAM} verify ./none --repo acme-lab/atlas-7b --json > /dev/full"
    done = subprocess.run(["sh", "-c", argv], cwd=someone.here, env=someone.env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "modelseal: none: no such file or folder\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_with_closed_outputs_the_exit_status_says_it_all(closed: str, someone: Someone) -> None:
    for folder, expected in (("atlas-7b", 0), ("none", 2)):
        argv = f"exec {PROGRAM} verify ./{folder} --repo acme-lab/atlas-7b {closed}"
        done = subprocess.run(["sh", "-c", argv], cwd=someone.here, env=someone.env, capture_output=True, text=True)
        assert done.returncode == expected
        assert "Traceback" not in done.stdout + done.stderr
