from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelseal.errors import Error, Unavailable
from modelseal.platform.kept import drop, held


def nobody_waits() -> None:
    raise AssertionError("somebody holds it")


def test_what_was_left_there_is_found_again_and_nobody_else_may_look(tmp_path: Path) -> None:
    place = tmp_path / "a/b/kept"
    for _ in range(2):
        with held(place, waiting=nobody_waits, timeout_s=0) as folder:
            assert folder.stat().st_mode & 0o777 == 0o700
            (folder / "half").touch()
    assert (place / "half").exists()


def test_a_second_one_waits_and_finds_it_new_if_it_was_removed(tmp_path: Path) -> None:
    place, waits, seen = tmp_path / "kept", threading.Event(), list[object]()

    def second() -> None:
        with held(place, waiting=waits.set, timeout_s=20) as folder:
            seen.append(sorted(os.listdir(folder)))

    with held(place, waiting=nobody_waits, timeout_s=0) as folder:
        (folder / "mine").touch()
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(20)
        assert seen == []
        drop(folder)
    thread.join(20)
    assert seen == [[]]


def test_who_may_not_wait_longer_is_told(tmp_path: Path) -> None:
    told = list[bool]()
    with (
        held(tmp_path / "kept", waiting=nobody_waits, timeout_s=0),
        pytest.raises(Unavailable, match="held by another"),
        held(tmp_path / "kept", waiting=lambda: told.append(True), timeout_s=0),
    ):
        raise AssertionError
    assert told == [True]


HANG = """if True:
    import sys, time
    from pathlib import Path
    from modelseal.platform.kept import held

    with held(Path(sys.argv[1]), waiting=sys.exit, timeout_s=0) as folder:
        (folder / "half").touch()
        print("held", flush=True)
        time.sleep(60)
"""


def test_the_next_one_finds_what_a_killed_process_left(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HANG, str(tmp_path / "kept")], stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"held\n"
    with pytest.raises(Unavailable), held(tmp_path / "kept", waiting=lambda: None, timeout_s=0):
        raise AssertionError
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with held(tmp_path / "kept", waiting=lambda: None, timeout_s=20) as folder:
        assert (folder / "half").exists()


def test_a_link_a_file_and_what_others_may_write_are_refused(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "file").touch()
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    for name, words in (("link", "a link or a file"), ("file", "a link or a file"), ("open", "others may write")):
        with pytest.raises(Error, match=words), held(tmp_path / name, waiting=nobody_waits, timeout_s=0):
            raise AssertionError
