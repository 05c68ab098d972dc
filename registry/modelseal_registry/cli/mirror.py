"""modelseal-registry mirror init, sync, serve, status, check"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from modelseal import times
from modelseal.cli import options, output
from modelseal_registry.cli import PROGRAM, common

if TYPE_CHECKING:
    from modelseal.errors import Error
    from modelseal_registry.config import Place
    from modelseal_registry.mirror.sync import Synced


@click.group()
def mirror() -> None:
    """Keep a copy of a registry's log that checks every rule itself.

    It serves only what it has recomputed: byte for byte the registry's files, from DIR/public.
    """


INIT = """\b
Exit status: 0 made   1 refused: no such trust root, or the folder is not empty   2 usage   6 unavailable

\b
Example:
  modelseal-registry --dir ./mirror mirror init --from https://registry.example#sha256:HEX
"""


@mirror.command(epilog=INIT)
@click.option(
    "--from",
    "source",
    metavar="URL#sha256:HEX|FOLDER",
    required=True,
    help="The registry, and the fingerprint of its trust root.",
)
@click.option("--fingerprint", metavar="HEX", help="The fingerprint, where --from does not hold it.")
@options.common
@common.in_folder
def init(place: Place, source: str, fingerprint: str | None, as_json: bool, quiet: bool) -> int:
    """Make a mirror; nothing but the trust root is fetched yet."""
    from modelseal_registry.mirror import run

    made = run.init(place, source, fingerprint)
    if as_json:
        output.emit(
            {"verdict": "made", "exit": 0, "origin": made.origin, "url": made.url, "source": made.settings.source}
        )
    elif not quiet:
        output.say(f"MADE a mirror of {made.origin} in {output.escaped(str(place.dir))}")
        output.line("from", output.escaped(made.settings.source))
        output.line("next", f"{PROGRAM} --dir {output.escaped(str(place.dir))} mirror sync")
    return 0


SYNC = """\b
Exit status: 0 everything was replayed, nothing refused   1 a leaf that no log may have, or a newer one; it is named
  2 usage   6 unavailable: no answer, or none that proves anything   8 the log went back, or has two histories

\b
Example:
  modelseal-registry --dir ./mirror mirror sync --watch 60s
"""


@mirror.command(epilog=SYNC)
@click.option("--watch", metavar="DUR", help="Sync again after this long, until a signal (90s 5m).")
@options.common
@common.in_folder
def sync(place: Place, watch: str | None, as_json: bool, quiet: bool) -> int:
    """Fetch what is new, replay every rule, recompute every file, and only then serve it.

    Whatever goes wrong, what is served stays as it was. It can be killed at any time.
    """
    from modelseal_registry.mirror import run

    last = -1

    def synced(done: Synced) -> None:
        nonlocal last
        if done.head.time != last or watch is None:
            _say(place, done, as_json=as_json, quiet=quiet)
        last = done.head.time

    def trouble(error: Error) -> None:
        common.event(f"trouble: {error}")

    run.sync(place, times.parse_duration(watch) if watch else None, synced=synced, trouble=trouble)
    return 0


def _say(place: Place, done: Synced, *, as_json: bool, quiet: bool) -> None:
    head = done.head
    if as_json:
        output.emit(
            {
                "verdict": "synced", "exit": 0, "origin": done.origin, "old": done.old, "size": head.size,
                "root": head.root.hex(), "time": head.time, "bytes": done.bytes, "requests": done.requests,
            }
        )  # fmt: skip
    elif quiet:
        output.say(str(head.size))
    else:
        moved = f"{done.old} to {head.size}" if done.old != head.size else f"{head.size} leaves, nothing new"
        cost = f"{output.size(done.bytes)} in {done.seconds:.1f} s"
        output.say(f"SYNCED {done.origin}: {moved}, {cost}; every rule replayed, nothing refused")
        output.line("head", f"{head.size} of {times.utc(head.time)}, served from {output.escaped(str(place.public))}")
        output.line("cosigned", "no; this mirror checks and serves, it does not vouch yet")


SERVE = """\b
Exit status: 0 stopped in order by SIGTERM or SIGINT   1 refused: the port is in use   2 usage   6 nothing synced yet

\b
Example:
  modelseal-registry --dir ./mirror mirror serve --listen 127.0.0.1:8751
"""


@mirror.command(epilog=SERVE)
@click.option("--listen", metavar="HOST:PORT", help="Listen here instead of where mirror.toml says.")
@options.common
@common.in_folder
def serve(place: Place, listen: str | None, as_json: bool, quiet: bool) -> int:
    """Serve DIR/public and evidence out of it. Prints READY URL once it answers.

    Any other web server can serve DIR/public as well: clients then gather the evidence themselves.
    """
    from modelseal_registry.mirror import run

    run.serve(
        place,
        common.listen(listen),
        ready=lambda url: common.ready(url, as_json=as_json, quiet=quiet),
        event=common.event,
    )
    return 0


STATUS = """\b
Exit status: 0   2 usage   6 nothing is synced yet, or what is served is older than clients accept

\b
Example:
  modelseal-registry --dir ./mirror mirror status
"""


@mirror.command(epilog=STATUS)
@options.common
@common.in_folder
def status(place: Place, as_json: bool, quiet: bool) -> int:
    """Say what the mirror has, and how fresh it is."""
    from modelseal_registry.mirror import run

    found = run.status(place, int(time.time()))
    exit_code = 0 if found.fresh else 6
    word = "EMPTY" if found.published is None else "FRESH" if found.fresh else "STALE"
    if as_json:
        output.emit({"verdict": word.lower(), "exit": exit_code, **found.value()})
    elif quiet:
        output.say(str(found.published.size if found.published else 0))
    else:
        size = found.published.size if found.published else 0
        output.say(f"{word} mirror of {found.origin}: {size} leaves")
        if found.published:
            when = f"of {times.utc(found.published.time)} ({times.span(found.age)} ago)"
            output.line("head", f"{found.published.root.hex()}, {when}")
        output.line("from", output.escaped(found.source))
        output.line("stored", f"{found.stored} leaves, every rule replayed")
        output.line("syncing", "yes, in a running process" if found.syncing else "no")
    return exit_code


CHECK = """\b
Exit status: 0 every file and row follows from the leaves   1 the first difference is named   2 usage

\b
Example:
  modelseal-registry --dir ./mirror mirror check
"""


@mirror.command(epilog=CHECK)
@options.common
@common.in_folder
def check(place: Place, as_json: bool, quiet: bool) -> int:
    """Replay the mirror's leaves into an empty store and compare database and static files with it."""
    from modelseal_registry.cli.operate import report
    from modelseal_registry.mirror import run

    began = time.monotonic()
    head = run.check(place)
    report(head.size, head.root, time.monotonic() - began, as_json=as_json, quiet=quiet)
    return 0


COMMANDS = (mirror,)
