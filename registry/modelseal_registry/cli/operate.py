"""modelseal-registry init, serve, status, check"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal import times
from modelseal.cli import options, output
from modelseal_registry.cli import common

if TYPE_CHECKING:
    from modelseal_registry.config import Place
    from modelseal_registry.init import Made

INIT = """\b
Exit status: 0 made   1 refused: the folder is not empty, nothing was changed   2 usage

\b
Examples:
  modelseal-registry --dir ./reg init --origin registry.example
  modelseal-registry --dir ./reg init --origin registry.example \\
      --operator ana.pub --operator ben.pub --operator cleo.pub --threshold 2
"""


@click.command(epilog=INIT)
@click.option("--origin", metavar="ORIGIN", required=True, help="The log's name for ever: its URL without https://.")
@click.option(
    "--operator",
    "operators",
    metavar="PUB",
    multiple=True,
    type=click.Path(path_type=Path),
    help="An operator's public key; repeat it for more. Their private keys need never be on this host.",
)
@click.option("--threshold", metavar="N", type=int, help="So many operators must sign [more than half].")
@click.option("--holder", "holders", metavar="TEXT", multiple=True, help="Who holds the keys; clients are shown it.")
@options.common
@common.in_folder
def init(
    place: Place,
    origin: str,
    operators: tuple[Path, ...],
    threshold: int | None,
    holders: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> int:
    """Make a registry: keys, an empty log, its trust root. Prints what clients need to trust it.

    With --operator the trust root is a draft: enough of them sign it (policy sign), on any machine, and policy publish
    prints what clients need. Without, there is one operators' key, on this host, for trying out: whoever can read it
    decides who every publisher is.
    """
    from modelseal import keys
    from modelseal_registry.init import init as journey

    made = journey(place, origin, [keys.load_public(path) for path in operators], threshold, holders)
    if as_json:
        output.emit(
            {
                "verdict": "made", "exit": 0, "origin": origin, "url": made.config.url, "trust": made.invitation,
                "draft": str(place.draft) if made.invitation is None else None, "operators": list(made.operators),
                "threshold": made.threshold,
            }
        )  # fmt: skip
    elif quiet:
        output.say(made.invitation or str(place.draft))
    else:
        _say_made(made, place)
    return 0


def _say_made(made: Made, place: Place) -> None:
    folder = output.escaped(str(place.dir))
    program = f"modelseal-registry --dir {folder}"
    output.say(f"MADE {made.config.origin} in {folder}")
    if made.invitation is not None:
        output.line("trust", made.invitation)
        output.line("operator", f"{made.operators[0]}, for trying out: it is on this host and decides alone")
        output.line("next", f"{program} serve\nmodelseal trust add {made.invitation}")
        return
    for operator in made.operators:
        output.line("operator", operator)
    output.line(
        "waits for", f"{made.threshold} of {len(made.operators)} operators' signatures; until then nobody is served"
    )
    output.line("draft", f"{output.escaped(str(place.draft))}; a copy of it can be signed on another machine")
    output.line(
        "next",
        f"each operator: modelseal-registry policy sign {folder}/trust.draft --key FILE\n{program} policy publish",
    )


SERVE = """\b
Exit status: 0 stopped in order by SIGTERM or SIGINT   1 refused: the folder or the port is in use, or the database
  is older than what was published   2 usage   6 unavailable   10 PENDING: the operators have not signed yet

\b
Example:
  modelseal-registry --dir ./reg serve --listen 127.0.0.1:8750
"""


@click.command(epilog=SERVE)
@click.option("--listen", metavar="HOST:PORT", help="Listen here instead of where registry.toml says.")
@click.option("--listen-writes", metavar="HOST:PORT", help="Take records here, and only reads at --listen.")
@click.option(
    "--behind-proxy",
    metavar="N",
    type=click.IntRange(1, 16),
    help="So many proxies stand in front: the N-th address from the right of X-Forwarded-For asks, and their"
    " X-Request-Id is logged. Otherwise both headers are ignored.",
)
@options.common
@common.in_folder
def serve(
    place: Place, listen: str | None, listen_writes: str | None, behind_proxy: int | None, as_json: bool, quiet: bool
) -> int:
    """Serve the registry: take records, write the log, answer. Prints READY URL once it answers.

    A signal lets requests end and what was taken be logged; whatever was acknowledged survives also SIGKILL.
    With --listen-writes two sets of processes answer: those for reads have the static files and neither key nor
    database; those for writes answer reads too.
    """
    from modelseal_registry.serve import serve as journey

    journey(
        place,
        common.listen(listen),
        common.listen(listen_writes, "--listen-writes"),
        behind_proxy or 0,
        ready=lambda url, writes: common.ready(url, writes, as_json=as_json, quiet=quiet),
        event=common.event,
    )
    return 0


STATUS = """\b
Exit status: 0   2 usage   6 nothing is published yet, or the checkpoint is older than clients accept
  10 PENDING: the operators have not signed the trust root yet

\b
Example:
  modelseal-registry --dir ./reg status
"""


@click.command(epilog=STATUS)
@options.common
@common.in_folder
def status(place: Place, as_json: bool, quiet: bool) -> int:
    """Say how the registry is: its log, what waits, how fresh its answers are."""
    from modelseal_registry.status import status as journey

    found = journey(place, int(time.time()))
    exit_code = 0 if found.fresh else 6
    if as_json:
        output.emit({"verdict": "fresh" if found.fresh else "stale", "exit": exit_code, **found.value()})
    elif quiet:
        output.say(str(found.published.size))
    else:
        output.say(f"{'FRESH' if found.fresh else 'STALE'} {found.origin}: {found.published.size} leaves")
        output.line(
            "head", f"{found.published.root.hex()}, of {times.utc(found.published.time)} ({times.span(found.age)} ago)"
        )
        output.line("served", "yes, by a running process" if found.served else "no")
        output.line("waiting", f"{found.pending} records, {found.claims} claims")
        for one in found.drafts:
            waits_for = one.waits_for or "nobody: something else took its place"
            output.line("draft", f"{output.escaped(one.about)}: {waits_for}; {one.digest.hex()}")
        output.line(
            "operators",
            f"version {found.operators.seq}, {found.operators.threshold} of {len(found.operators.keys)}; "
            f"{found.watched} names on the watch-list",
        )
        output.line("observers", f"{len(found.operators.observers)}; {found.observed} repos observed")
        output.line("trust", f"{found.invitation}\nsigned until {times.utc(found.expires)}")
        if found.draft:
            output.line("draft", "the trust root has a draft: modelseal-registry policy show")
        elif found.due:
            left = times.span(max(0, found.expires - found.now))
            output.line("due", f"it ends in {left}: modelseal-registry policy renew, then sign and publish")
    return exit_code


CHECK = """\b
Exit status: 0 every file and row follows from the leaves   1 the first difference is named   2 usage

\b
Example:
  modelseal-registry --dir ./reg check
"""


@click.command(epilog=CHECK)
@options.common
@common.in_folder
def check(place: Place, as_json: bool, quiet: bool) -> int:
    """Replay the whole log into an empty store and compare database and static files with it."""
    from modelseal_registry.status import check as journey

    began = time.monotonic()
    head = journey(place)
    report(head.size, head.root, time.monotonic() - began, as_json=as_json, quiet=quiet)
    return 0


def report(size: int, root: bytes, seconds: float, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        value: dict[str, Any] = {"verdict": "checked", "exit": 0, "size": size, "root": root.hex()}
        output.emit(value)
    elif not quiet:
        output.say(f"CHECKED {size} leaves in {seconds:.1f} s: every signature, rule, row and file is right")
        output.line("root", root.hex())


COMMANDS = (init, serve, status, check)
