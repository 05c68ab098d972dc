from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modelseal import folders
from modelseal.errors import Conflict, Error, Usage
from modelseal.hashing import hash_files
from modelseal.platform.staging import PREFIX, NewFile, Staging
from tests.support.servers import lives, until


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_gets_its_name_when_it_is_moved_and_nothing_else_stays(tmp_path: Path) -> None:
    with Staging(tmp_path / "good") as staging:
        (staging.folder / "file").write_text("x")
        assert not (tmp_path / "good").exists()
        assert [name.startswith(PREFIX) for name in left(tmp_path)] == [True]
        assert (staging.folder.parent.stat().st_mode & 0o777) == 0o700
        staging.move()
    assert left(tmp_path) == ["good"]
    assert (tmp_path / "good" / "file").read_text() == "x"


def test_what_is_not_moved_is_gone(tmp_path: Path) -> None:
    with Staging(tmp_path / "bad") as staging:
        (staging.folder / "file").write_text("x")
    assert left(tmp_path) == []
    with pytest.raises(KeyboardInterrupt), Staging(tmp_path / "bad"):
        raise KeyboardInterrupt
    assert left(tmp_path) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("there", "link"):
        with pytest.raises(Conflict, match=f"{name} exists already"):
            Staging(tmp_path / name)
    with pytest.raises(Usage, match="none: no such folder"):
        Staging(tmp_path / "none" / "x")
    with Staging(tmp_path / "late") as staging:
        (tmp_path / "late").write_text("made meanwhile")
        with pytest.raises(Conflict):
            staging.move()
    assert left(tmp_path) == ["late", "link", "there"]


HANG = """if True:
    import sys
    from pathlib import Path
    from modelseal.platform.staging import Staging
    with Staging(Path(sys.argv[1])) as staging:
        (staging.folder / "weights").write_bytes(b"x" * 1000)
        print("ready", flush=True)
        sys.stdin.read()
"""


def hang(target: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HANG, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def test_after_sigkill_nothing_is_left(tmp_path: Path) -> None:
    process = hang(tmp_path / "model")
    process.kill()
    process.communicate()
    until("the unfinished folder is removed", lambda: left(tmp_path) == [])


def test_what_was_left_because_all_was_killed_is_removed_by_the_next_call(tmp_path: Path) -> None:
    process = hang(tmp_path / "model")
    remover = child_of(process.pid)
    os.kill(remover, signal.SIGKILL)
    process.kill()
    process.communicate()
    until("both ended", lambda: not lives(remover))
    assert len(left(tmp_path)) == 1
    with Staging(tmp_path / "other") as staging:
        staging.move()
    assert left(tmp_path) == ["other"]


def test_a_call_that_still_runs_is_left_alone(tmp_path: Path) -> None:
    process = hang(tmp_path / "model")
    with Staging(tmp_path / "other") as staging:
        staging.move()
    assert len(left(tmp_path)) == 2
    process.communicate(b"")
    assert process.returncode == 0
    assert left(tmp_path) == ["other"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_copy_is_of_the_bytes_that_were_hashed(tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelseal.hashing._WIDE", 4 << 20)
    files = {"a/b/small": b"x" * 10, "empty": b"", "middle": os.urandom(3 << 20), "wide": os.urandom((9 << 20) + 1)}
    for name, data in files.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "copy").mkdir()
    listing = folders.walk(tmp_path / "model")
    hash_files(listing, None, sha256=True, blake3=True, jobs=jobs, into=tmp_path / "copy")
    made = {str(path.relative_to(tmp_path / "copy")): path for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in made.items()} == files


def test_a_file_that_is_there_already_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Error, match="file: cannot be written: file exists"):
        NewFile(tmp_path / "file", "the file")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        return
    file = NewFile(tmp_path / "file", "the file")
    os.close(file._fd)
    file._fd = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(Error, match="cannot be written: no space left on device"), file as write:
        write(memoryview(b"x"))
