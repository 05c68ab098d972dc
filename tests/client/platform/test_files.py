from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modelseal import platform
from modelseal.errors import Conflict, Error, Malformed, Usage
from modelseal.platform import files, handles


def test_the_environment_says_where_our_folders_are_else_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = platform.config_folder, platform.state_folder, platform.cache_folder
    mine = tmp_path / "mine"
    monkeypatch.setenv("MODELSEAL_HOME", str(mine))
    assert [folder() for folder in ours] == [mine, mine, mine / "cache"]
    monkeypatch.setenv("MODELSEAL_HOME", "")
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    assert all(folder().name == "modelseal" or folder().parent.name == "modelseal" for folder in ours)
    if sys.platform == "linux":
        assert [folder() for folder in ours] == [tmp_path / name / "modelseal" for name in ("CONFIG", "STATE", "CACHE")]
    assert not list(tmp_path.iterdir())  # nothing is made by looking


def test_write_new_writes_the_whole_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    platform.write_new(tmp_path / "a", b"x" * 100_000)
    assert (tmp_path / "a").read_bytes() == b"x" * 100_000
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("what", ["file", "folder", "link", "dangling link"])
def test_write_new_never_overwrites(tmp_path: Path, what: str) -> None:
    target, other = tmp_path / "key", tmp_path / "other"
    if what == "file":
        target.write_bytes(b"old")
    elif what == "folder":
        target.mkdir()
    else:
        target.symlink_to(other)
        if what == "link":
            other.write_bytes(b"old")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(Conflict, match="key exists already"):
        platform.write_new(target, b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert what != "file" or target.read_bytes() == b"old"
    assert what != "link" or other.read_bytes() == b"old"


def test_write_new_never_overwrites_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_args: object, **_kw: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    platform.write_new(tmp_path / "key", b"first", private=True)
    with pytest.raises(Conflict, match="key exists already"):
        platform.write_new(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 1


def test_private_files_are_for_the_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        platform.write_new(tmp_path / "key", b"", private=True)
        platform.write_new(tmp_path / "pub", b"")
        platform.replace(tmp_path / "state", b"", mode=0o600)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"key": 0o600, "pub": 0o644, "state": 0o600}


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(Error, match="absent/a: cannot be written: no such file or directory"):
        platform.write_new(tmp_path / "absent" / "a", b"")
    with pytest.raises(Error, match="cannot be written"):
        platform.replace(tmp_path / "a\0b", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(Error, match="folder: cannot be written: is a directory"):
        platform.replace(tmp_path / "folder", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_replace_takes_the_place_of_a_link_not_of_its_target(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"target")
    (tmp_path / "state").symlink_to("target")
    platform.replace(tmp_path / "state", b"new")
    assert not (tmp_path / "state").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"target"


def test_a_killed_writer_leaves_the_old_or_the_new_whole(tmp_path: Path) -> None:
    program = """if True:
        import sys
        from pathlib import Path
        from modelseal import platform
        print("ready", flush=True)
        for turn in range(1_000_000):
            platform.replace(Path(sys.argv[1]), bytes([turn % 256]) * 300_000)
            platform.write_new(Path(sys.argv[1] + f".{turn}"), b"n" * 300_000)
    """
    path = tmp_path / "state"
    for delay_s in (0.0, 0.013, 0.03, 0.05):
        with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(delay_s)
            child.send_signal(signal.SIGKILL)
        for found in tmp_path.iterdir():
            if found.suffix != ".tmp":
                assert len(data := found.read_bytes()) == 300_000 and len(set(data)) == 1
            found.unlink()


def test_read_file_returns_at_most_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert platform.read_file(path, 5, "key file") == b"12345"
    with pytest.raises(Malformed, match=r"key file .*a: 5 bytes, allowed are 4"):
        platform.read_file(path, 4, "key file")


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="no file that hides its size")
def test_read_file_counts_what_it_reads_and_does_not_believe_the_size() -> None:
    assert os.stat("/proc/version").st_size == 0
    with pytest.raises(Malformed, match="more than the allowed 4 bytes"):
        platform.read_file(Path("/proc/version"), 4, "file")


def test_read_file_names_what_is_wrong_and_never_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for name, words in {
            "absent": "no such file",
            "real/below": "no such file",
            "fifo": "not a regular file",
            "folder": "not a regular file",
            "socket": "not a regular file",
            "link": "a link, and links are not followed",
            "loop": "a link, and links are not followed",
            "nul\0": "no such file",
            "surrogate\ud800": "no such file",
            "n" * 300: "file name too long",
            "/dev/null": "not a regular file",
        }.items():
            with pytest.raises(Usage, match=words):
                platform.read_file(tmp_path / name, 10, "key file")
        with pytest.raises(platform.Missing):
            platform.read_file(tmp_path / "absent", 10, "key file")
        for name in ("loop", "fifo"):
            with pytest.raises(Usage):
                platform.read_file(tmp_path / name, 10, "key file", follow=True)
    assert platform.read_file(tmp_path / "link", 10, "key file", follow=True) == b"x"


def test_where_the_system_cannot_refuse_links_they_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "NOFOLLOW", 0)
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    assert platform.read_file(tmp_path / "real", 10, "key file") == b"x"
    assert platform.read_file(tmp_path / "link", 10, "key file", follow=True) == b"x"
    with pytest.raises(Usage, match="a link, and links are not followed"):
        platform.read_file(tmp_path / "link", 10, "key file")


def test_an_unreadable_file_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_bytes(b"x")
    (tmp_path / "key").chmod(0)
    if os.geteuid() == 0:  # nothing is unreadable to root, so the kernel's answer is made here
        real = os.open

        def refuse(path: str | Path, *args: int, **kw: int) -> int:
            if str(path).endswith("key"):
                raise PermissionError(13, "Permission denied")
            return real(path, *args, **kw)

        monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(Usage, match=r"key file .*key: permission denied"):
        platform.read_file(tmp_path / "key", 10, "key file")


@pytest.mark.parametrize("way", ["handles", "paths"])
def test_read_below_follows_no_link_on_the_way(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "HANDLES", way == "handles")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "file").write_bytes(b"data")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "file").symlink_to(tmp_path / "outside" / "secret")
    assert platform.read_below(root, "a/b/file", 10, "file") == b"data"
    for name in ("link/secret", "file"):
        with pytest.raises(Usage):
            platform.read_below(root, name, 10, "file")
    for name in ("../outside/secret", "a//b/file", "/etc/passwd", "a/./b/file", ""):
        with pytest.raises(Usage):
            platform.read_below(root, name, 10, "file")
    with pytest.raises(platform.Missing):
        platform.read_below(root, "a/c/file", 10, "file")
    (tmp_path / "typed").symlink_to(root)
    assert platform.read_below(tmp_path / "typed", "a/b/file", 10, "file") == b"data"
