from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading

PROGRAM = """if True:
    import sys, time
    from modelseal import progress
    with progress.shown("hashing", 4_000_000, quiet="quiet" in sys.argv) as advance:
        for turn in range(20):
            advance(200_000)
            time.sleep(0.04 if "slow" in sys.argv else 0)
    print("rich" in sys.modules)
"""


def run(*words: str) -> tuple[bytes, bytes]:
    """Run the program with a terminal as stderr; return stdout and what the terminal got."""
    leader, follower = pty.openpty()
    seen: list[bytes] = []

    def drain() -> None:
        try:
            while data := os.read(leader, 4096):
                seen.append(data)
        except OSError:  # the last writer has gone
            pass

    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words], stdout=subprocess.PIPE, stderr=follower, env=environ
    ) as child:
        os.close(follower)
        reader = threading.Thread(target=drain)
        reader.start()
        assert child.stdout is not None
        out = child.stdout.read()
    reader.join()
    os.close(leader)
    assert child.returncode == 0
    return out, b"".join(seen)


def test_long_work_shows_bytes_and_rate_on_a_terminal_and_takes_them_away() -> None:
    out, terminal = run("slow")
    assert out == b"True\n"
    assert b"hashing" in terminal and b"4.0 MB" in terminal and b"/s" in terminal
    assert terminal.rstrip().endswith(b"\x1b[2K")  # the line is cleared, what remains is the report


def test_short_work_and_quiet_work_show_nothing_and_import_nothing() -> None:
    assert run() == (b"False\n", b"")
    assert run("slow", "quiet") == (b"False\n", b"")


def test_nothing_is_shown_where_nobody_watches() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, "slow"], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"False\n", b"")
