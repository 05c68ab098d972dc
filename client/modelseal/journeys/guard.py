"""Guard: programs see a Hub on this machine that hands out sealed bytes only, and a Hub cache that has only such.

1 somebody is trusted                                3 the Hub on 127.0.0.1
2 a cache of its own, with nothing wrong in it       4 the program, with these in its environment
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelseal import hubenv, inventory, platform, root
from modelseal.errors import Usage
from modelseal.formats.names import printable
from modelseal.hubproxy import Cache, Ledger, Refusal, Server, Spool, Upstream
from modelseal.journeys.allow import Allowing
from modelseal.journeys.ask import Where, check
from modelseal.journeys.gate import Gate
from modelseal.journeys.own_cache import Aside, Own, admit, own
from modelseal.verdict import WORST_FIRST

HUB = "https://huggingface.co"
KILL_S = 10.0  # after SIGTERM a program has so long to end
NOT_FOUND, NOT_RUN = 127, 126  # as shells end where a program is not there, or cannot be run

# Where else a program would look for models, or keep what it makes of them.
_ELSEWHERE = (
    "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "PYTORCH_PRETRAINED_BERT_CACHE",
    "LLAMA_CACHE", "MODEL_ENDPOINT", "HF_INFERENCE_ENDPOINT",
)  # fmt: skip


@dataclass(frozen=True)
class Open:
    """A guard that answers."""

    server: Server
    own: Own
    aside: tuple[Aside, ...]

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def ledger(self) -> Ledger:
        return self.server.ledger

    @property
    def variables(self) -> dict[str, str]:
        """What a program must have in its environment."""
        found = {
            "HF_ENDPOINT": self.url,
            "HF_HUB_CACHE": str(self.own.hub),
            "HF_HUB_DISABLE_XET": "1",
            "HF_DATASETS_CACHE": str(self.own.datasets),
            "HF_MODULES_CACHE": str(self.own.modules),
        }
        if platform.may_have_proxies():  # a request to this machine must not go through one
            before = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
            found["NO_PROXY"] = found["no_proxy"] = f"{before},127.0.0.1" if before else "127.0.0.1"
        return found

    @property
    def unset(self) -> tuple[str, ...]:
        """What it must not have there, of what is there now."""
        return tuple(name for name in _ELSEWHERE if name in os.environ)

    def environment(self) -> dict[str, str]:
        """Return the whole environment of a program."""
        return {**{name: text for name, text in os.environ.items() if name not in self.unset}, **self.variables}

    @property
    def exit_code(self) -> int:
        """That of the worst verdict by which something was refused; 0 if nothing was."""
        codes = {refusal.exit_code for refusal in self.ledger.refused}
        return next((code for code in WORST_FIRST if code in codes), 0)


@contextlib.contextmanager
def opened(
    where: Where,
    allowing: Allowing,
    *,
    port: int = 0,
    refused: Callable[[Refusal], None] = lambda _refusal: None,
    told: Callable[[str], None] = lambda _words: None,
    quiet: bool = True,
) -> Iterator[Open]:
    """Give a guard that answers until the end. *refused* is called for what does not pass, once for each; *told* with
    words about ourselves; both from any thread.

    Raises Usage (options, a port that is taken), Unavailable (no trust root) or Error (its folder).
    """
    check(where)
    entries = root.entries(platform.config_folder())
    root.check_one_decides(entries)
    if not entries and not allowing.has_pinned:  # 1
        root.find(platform.config_folder())
    gate = Gate(where, allowing)
    with own() as folder:
        aside = admit(folder, gate, quiet=quiet)  # 2
        cache = Cache(inventory.default(os.environ))
        server = make_server(gate, where, folder.spool, port=port, cache=cache, refused=refused, told=told)  # 3
        server.start()
        try:
            yield Open(server, folder, aside)
        finally:
            server.close()


def endpoint() -> str:
    """Return the address of the Hub that the environment names. Usage if it is none."""
    found = os.environ.get("HF_ENDPOINT") or HUB
    if not found.startswith(("http://", "https://")):
        raise Usage(f"HF_ENDPOINT is {printable(found)!r}, which is no address of a Hub", hint="it is a URL")
    return found.rstrip("/")


def make_server(
    gate: Gate,
    where: Where,
    spool: Path,
    *,
    port: int = 0,
    cache: Cache | None = None,
    refused: Callable[[Refusal], None] = lambda _refusal: None,
    told: Callable[[str], None] = lambda _words: None,
) -> Server:
    """Return a server before the Hub that the environment names; it is to be started and closed.

    *spool*: a folder; *cache*: where files may lie already.
    """
    upstream = Upstream(endpoint(), offline=where.offline or hubenv.is_off())
    return Server(gate, upstream, Spool(spool), Ledger(refused), port=port, cache=cache, told=told)


@dataclass(frozen=True)
class Ended:
    """How a program ended: its status as shells tell it, and why there is no other if it did not run."""

    status: int
    why: str = ""


def run(argv: Sequence[str], guard: Open, *, stdout: int | None = None) -> Ended:
    """Run a program with the guard in its environment, and wait for its end (4). *stdout*: a descriptor, not our own.

    Ctrl-C is for the program, which has it from the terminal; any other end of ours ends it too.
    """
    try:
        process = subprocess.Popen(argv, env=guard.environment(), stdout=stdout)
    except FileNotFoundError:
        return Ended(NOT_FOUND, f"{argv[0]}: command not found")
    except (OSError, ValueError) as e:
        return Ended(NOT_RUN, f"{argv[0]}: cannot be run: {(getattr(e, 'strerror', None) or str(e)).lower()}")
    try:
        status = _wait(process)
    except BaseException:
        _end(process)
        raise
    return Ended(128 - status if status < 0 else status)


def _wait(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait()
    except KeyboardInterrupt:
        if not _has_terminal():  # then it was meant for us alone
            process.send_signal(signal.SIGINT)
        return process.wait()  # a second one ends both


def _has_terminal() -> bool:
    """Whether Ctrl-C reaches every program that runs in front."""
    try:
        return sys.platform == "win32" or os.getpgrp() == os.tcgetpgrp(0)
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(KILL_S)
    except BaseException:
        process.kill()
        process.wait()
