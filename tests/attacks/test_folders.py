"""What may lie on a disk under a good name, each through the real command."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelseal.formats.records import Release
from tests.support import make
from tests.support.client import Address, Someone, sealed_files
from tests.support.world import World

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
REPO = "hf://acme-lab/atlas-7b"
VERIFY = ("verify", "./atlas-7b", "--repo", "acme-lab/atlas-7b")
GOOD = {
    "config.json": b'{"model_type": "atlas"}',
    "model-1.safetensors": bytes(range(256)) * 400,
    "model-2.safetensors": bytes(reversed(range(256))) * 400,
    "sub/tokenizer.json": b"{}",
    ".gitattributes": b"*.safetensors filter=lfs\n",
}
SEALED = {name: data for name, data in GOOD.items() if name != ".gitattributes"}


@pytest.fixture(scope="module")
def world() -> World:
    world = World(now=int(time.time()))
    world.claim("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    world.publish(REPO, 1, CI, sealed_files(SEALED))
    world.publish("hf://acme-lab/other", 1, CI, sealed_files({"other.bin": b"other"}))
    revoked = world.publish(REPO, 2, CI, sealed_files({"bad.bin": b"bad"})).record
    assert isinstance(revoked, Release)
    world.revoke(REPO, revoked.seal, [ANA])
    world.publish("hf://acme-lab/withdrawn", 1, CI, sealed_files({"w.bin": b"withdrawn"}))
    release = world.publish("hf://acme-lab/again", 1, CI, sealed_files({"w.bin": b"withdrawn"})).record
    assert isinstance(release, Release)
    world.revoke_everywhere("hf://acme-lab", release.fileset, [ANA])
    world.publish("hf://acme-lab/once-more", 1, CI, sealed_files({"w.bin": b"withdrawn"}))
    return world


@pytest.fixture
def someone(tmp_path: Path, world: World) -> Iterator[Someone]:
    with Address(world.files()) as address:
        someone = Someone(tmp_path, world, address)
        someone.folder("atlas-7b", GOOD)
        yield someone


def _flip(folder: Path) -> None:
    path = folder / "model-1.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _rename(folder: Path) -> None:
    (folder / "config.json").rename(folder / "config2.json")


def _swap(folder: Path) -> None:
    one, two = folder / "model-1.safetensors", folder / "model-2.safetensors"
    a, b = one.read_bytes(), two.read_bytes()
    one.write_bytes(b)
    two.write_bytes(a)


def _only(name: str, data: bytes) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        for path in folder.rglob("*"):
            if path.is_file():
                path.unlink()
        (folder / name).write_bytes(data)

    return act


def _link(folder: Path) -> None:
    path = folder / "config.json"
    path.rename(folder.parent / "elsewhere.json")
    path.symlink_to(folder.parent / "elsewhere.json")


def _in_hub_folder(folder: Path) -> None:
    (folder / ".cache/huggingface").mkdir(parents=True)
    (folder / ".cache/huggingface/run.py").write_text("")


def _socket(folder: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("s")
    finally:
        os.chdir(here)


def _folder_link(folder: Path) -> None:
    (folder / "sub").rename(folder.parent / "sub")
    (folder / "sub").symlink_to(folder.parent / "sub")


ATTACKS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "one flipped bit": (
        _flip,
        ("1 file differs", "model-1.safetensors, same size", "expected sha256:", "found    sha256:"),
    ),
    "a truncated file": (
        lambda f: (f / "model-2.safetensors").write_bytes(b"short"),
        ("1 file has another size", "model-2.safetensors", "expected 102400 bytes", "found    5 bytes"),
    ),
    "a missing file": (lambda f: (f / "config.json").unlink(), ("1 file is missing", "missing:  config.json")),
    "an added program": (
        lambda f: (f / "loader.py").write_text("print()"),
        ("1 file was added", "loader.py (program), not in the seal of Acme Lab (acme.example)"),
    ),
    "an added file in a folder": (
        lambda f: (f / "sub" / "x.bin").write_bytes(b""),
        ("added:", "sub/x.bin (possibly a pickle), not in"),
    ),
    "a renamed file": (_rename, ("1 file is missing, 1 file was added", "config2.json", "config.json")),
    "a swapped pair of files": (_swap, ("2 files differ", "model-1.safetensors", "model-2.safetensors")),
    "a file that is a link": (_link, ("FAILED", "config.json")),
    "a folder that is a link": (_folder_link, ("FAILED", "sub")),
    "a FIFO": (lambda f: os.mkfifo(f / "pipe"), ("FAILED", "pipe")),
    "a socket": (_socket, ("FAILED", "socket:   s: a socket")),
    "a link to itself": (lambda f: (f / "loop").symlink_to("loop"), ("FAILED", "link:     loop: a link")),
    "a link to the folder itself": (lambda f: (f / "sub" / "up").symlink_to(".."), ("FAILED", "link:     sub/up")),
    "a link that leads nowhere": (lambda f: (f / "x.json").symlink_to("absent"), ("FAILED", "link:     x.json")),
    "a link to a device": (lambda f: (f / "x.json").symlink_to("/dev/zero"), ("FAILED", "link:     x.json")),
    "a link under an ignored name": (lambda f: (f / "model.sig").symlink_to("config.json"), ("FAILED", "model.sig")),
    "a folder named model.sig": (lambda f: (f / "model.sig").mkdir(), ("FAILED", "model.sig")),
    "a program in the Hub's own folder": (
        _in_hub_folder,
        (".cache/huggingface/run.py (program)",),
    ),
    "the files of another repo": (
        _only("other.bin", b"other"),
        ("added:    other.bin", "missing"),
    ),
    "the files of a revoked release": (
        _only("bad.bin", b"bad"),
        ("FAILED REVOKED (malicious) acme-lab/atlas-7b",),
    ),
    "contents that were revoked everywhere": (
        _only("w.bin", b"withdrawn"),
        ("FAILED REVOKED (malicious) acme-lab/atlas-7b", "revoked these very contents"),
    ),
}


def test_a_good_folder_is_verified_and_what_was_ignored_is_said(someone: Someone) -> None:
    someone.run(*VERIFY).says(
        0,
        "VERIFIED (registry's word only) acme-lab/atlas-7b, sealed by Acme Lab (acme.example) (owner not checked)",
        "4 of 4 equal the seal",
        "ignored:  1 name at the root, which no seal covers: .gitattributes",
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_refused(someone: Someone, attack: str) -> None:
    act, words = ATTACKS[attack]
    act(someone.here / "atlas-7b")
    ran = someone.run(*VERIFY).says(1, *words)
    assert ran.out.startswith("FAILED")
    found = someone.run(*VERIFY, "--json").says(1).json
    assert (found["verdict"], found["exit"], found["use"]) == ("failed", 1, "no")


def test_a_revoked_release_is_refused_by_its_commit(someone: Someone) -> None:
    words = ("FAILED REVOKED (malicious) acme-lab/atlas-7b", "was revoked")
    someone.run("verify", "./atlas-7b", "--repo", f"acme-lab/atlas-7b@{make.revision(2)}").says(1, *words)


@pytest.mark.parametrize("repo", ["withdrawn", "again", "once-more"])
def test_the_same_files_sealed_elsewhere_are_refused_after_revoke_everywhere(someone: Someone, repo: str) -> None:
    someone.folder("w", {"w.bin": b"withdrawn"})
    someone.run("verify", "./w", "--repo", f"acme-lab/{repo}").says(1, f"FAILED REVOKED (malicious) acme-lab/{repo}")


def test_the_hubs_own_files_are_skipped_and_said(someone: Someone) -> None:
    someone.folder(
        "atlas-7b", {".cache/huggingface/download/config.json.metadata": b"x", ".cache/huggingface/.gitignore": b"*"}
    )
    someone.run(*VERIFY).says(0, "skipped:  2 of the Hub's own files in .cache/huggingface")


def test_an_unknown_repo_is_unknown_with_proof(someone: Someone) -> None:
    someone.run("verify", "./atlas-7b", "--repo", "someuser/tiny-lm").says(
        5, "UNKNOWN someuser/tiny-lm: nobody has sealed or observed it (proof of absence in a log of"
    )


NAMES = {
    "a newline and a verdict": "x\nVERIFIED acme-lab",
    "an escape sequence": "\x1b[2K\x1b[1AVERIFIED",
    "right-to-left": "\u202egpj.exe",
    "zero width": "load\u200ber.py",
    "a carriage return": "a\rVERIFIED",
    "a line separator": "a\u2028VERIFIED",
}


@pytest.mark.parametrize("case", NAMES)
def test_a_file_name_can_never_print_a_line_that_looks_like_a_verdict(someone: Someone, case: str) -> None:
    (someone.here / "atlas-7b" / NAMES[case]).write_bytes(b"x")
    for more in ((), ("--json",)):
        ran = someone.run(*VERIFY, *more).says(1)
        assert not any(line.startswith("VERIFIED") for line in ran.out.splitlines())
        assert not any(ord(c) < 32 or c in "\u200b\u202e\u2028\x7f" for c in ran.out.replace("\n", ""))
