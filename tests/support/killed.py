"""Commands that are killed before a chosen call of the system, many of them without starting Python for each.

    with Killer(here, env) as killer:
        killer.run("get", NAME, before={"replace": 3}) == -9      # SIGKILL before the third os.replace; else the status
        with killer.begun("get", NAME) as one:                     # runs on; killed at the end, if it has not ended
            one.wait()

One process that has no threads imports all, and forks for each command.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

_PARENT = """if True:
    import json, os, signal, sys
    import huggingface_hub, modelseal.cli
    from huggingface_hub import file_download, snapshot_download
    from modelseal.journeys import download

    def deadly(name, number):
        real = getattr(os, name)
        def call(*words, **options):
            nonlocal number
            number -= 1
            if not number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*words, **options)
        setattr(os, name, call)

    for line in sys.stdin:
        task = json.loads(line)
        pid = os.fork()
        if not pid:
            os.dup2(os.open(task["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
            os.dup2(1, 2)
            for name, number in task["before"].items():
                deadly(name, number)
            sys.argv = ["modelseal", *task["words"]]
            modelseal.cli.main()
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Killer:
    def __init__(self, here: Path, env: Mapping[str, str]) -> None:
        """*here*: the working folder; *env* is whole."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PARENT], cwd=here, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._out = here.parent / f"killed-{id(self)}"

    def run(self, *words: str | Path, before: Mapping[str, int] | None = None) -> int:
        """Return how `modelseal WORDS` ended."""
        self._begin(words, before)
        self._line()
        return self._line()

    @contextlib.contextmanager
    def begun(self, *words: str | Path) -> Iterator[One]:
        self._begin(words, None)
        one = One(self._line(), self)
        try:
            yield one
        finally:
            one.kill()

    def _begin(self, words: Any, before: Mapping[str, int] | None) -> None:
        assert self._process.stdin
        task = {"words": [str(word) for word in words], "before": dict(before or {}), "out": str(self._out)}
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()

    def _line(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())

    @property
    def printed(self) -> str:
        """What the last command has printed."""
        return self._out.read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()


class One:
    """A command that runs."""

    def __init__(self, pid: int, killer: Killer) -> None:
        self._pid, self._killer = pid, killer
        self._status: int | None = None

    def wait(self) -> int:
        """Return how it ended."""
        if self._status is None:
            self._status = self._killer._line()
        return self._status

    def kill(self, number: int = signal.SIGKILL) -> int:
        if self._status is None:
            os.kill(self._pid, number)
        return self.wait()
