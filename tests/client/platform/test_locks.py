from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from modelseal import platform
from modelseal.errors import Error, Unavailable

HOLD = """if True:
    import sys
    from pathlib import Path
    from modelseal import platform
    with platform.lock(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()
"""


def test_a_held_lock_refuses_at_once_or_after_the_time_given_and_dies_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        for timeout_s in (0.0, 0.1):
            start = time.monotonic()
            with (
                pytest.raises(Unavailable, match="lock is locked by another process"),
                platform.lock(path, timeout_s=timeout_s),
            ):
                pass
            assert timeout_s <= time.monotonic() - start < 5
        child.kill()
    with platform.lock(path, timeout_s=0):
        pass


def test_two_holders_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with platform.lock(path), pytest.raises(Unavailable), platform.lock(path, timeout_s=0):
        pass
    with platform.lock(path, timeout_s=0):
        pass


def test_a_lock_file_is_never_a_link(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Error, match="lock file"), platform.lock(tmp_path / "lock"):
        pass
    assert not (tmp_path / "elsewhere").exists()
