"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

from modelseal.errors import Error, Usage

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from modelseal.journeys.ask import Where
    from modelseal.keys import SigningKey

F = TypeVar("F", bound=Callable[..., Any])


def complete_files(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Let the shell complete the path, for what is a path or something else."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(begun, type="file")]


def common(function: F) -> F:
    """--json and -q, for every command."""
    function = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, also on failure.")(function)
    return click.option("-q", "--quiet", is_flag=True, help="Print only the one value, or nothing.")(function)


def registry(function: F) -> F:
    return click.option(
        "--registry",
        metavar="URL|FOLDER",
        shell_complete=complete_files,
        envvar="MODELSEAL_REGISTRY",
        help="Ask here instead of the addresses of the trust root. It is trusted no more than they are.",
    )(function)


_FRESHNESS = (
    click.option("--offline", is_flag=True, envvar="MODELSEAL_OFFLINE", help="Never use the network."),
    click.option("--max-age", metavar="DUR", help="Refuse older answers (90s 5m 24h 30d)."),
    click.option(
        "--as-of",
        metavar="TIME|evidence",
        help="Judge freshness by this time, or the evidence's own; says VERIFIED AS OF.",
    ),
)


_ACCEPT = click.option(
    "--accept",
    metavar="WORD,...",
    help="Take the repo that is named here although it is that: observed, unknown or pinned.",
)
_ALLOWING = (
    click.option(
        "--strict", is_flag=True, help="Accept nothing; want independent mirrors, a clock and complete folders."
    ),
    click.option("--locked", is_flag=True, help="Take only what is in the lock, and all of it."),
    click.option(
        "--lock",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The lock [MODELSEAL_LOCK, or the nearest modelseal.lock up to the folder that holds .git].",
    ),
    click.option(
        "--rules",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="One more rules.toml that must allow what is not VERIFIED [MODELSEAL_RULES].",
    ),
)


def evidence(function: F) -> F:
    """Whom to ask, and how old an answer may be."""
    option = click.option(
        "--evidence",
        metavar="FILE|DIR",
        type=click.Path(path_type=Path),
        help="Decide on this evidence, or on that in a folder of lock --save; ask nobody.",
    )
    return registry(option(_each(_FRESHNESS, function)))


def judge(function: F) -> F:
    """The same, and what is allowed besides what is VERIFIED."""
    return evidence(_ACCEPT(_each(_ALLOWING, function)))


def judge_many(function: F) -> F:
    """The same where several repos are judged: evidence in a file, and a word of --accept, are about one."""
    return registry(_each(_FRESHNESS, _each(_ALLOWING, function)))


def _each(options: Sequence[Callable[[F], F]], function: F) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def jobs(function: F) -> F:
    return click.option(
        "--jobs", metavar="N", type=click.IntRange(1, 256), help="Threads that hash [one per processor, at most 8]."
    )(function)


def hashing(function: F) -> F:
    """--hash and --jobs."""
    return click.option(
        "--hash",
        type=click.Choice(("auto", "blake3", "sha256", "both")),
        default="auto",
        help="Which digests are computed [auto: all that is needed, no more].",
    )(jobs(function))


def offline(function: F) -> F:
    return click.option("--offline", is_flag=True, envvar="MODELSEAL_OFFLINE", help="Never use the network.")(function)


class Asking(TypedDict):
    """The options of `evidence`, read: what `modelseal.verify` takes, and the fields of `Where`."""

    registry: str | None
    evidence: Path | None
    offline: bool
    max_age: int | None
    as_of: int | str | None


def asking(
    *, registry: str | None, evidence: Path | None, offline: bool, max_age: str | None, as_of: str | None
) -> Asking:
    from modelseal import times

    clock: int | str | None = as_of
    if as_of is not None and as_of != "evidence":
        clock = times.parse_time(as_of)
    age = times.parse_duration(max_age) if max_age is not None else None
    return Asking(registry=registry, evidence=evidence, offline=offline, max_age=age, as_of=clock)


class Judging(Asking):
    """The options of `judge`, read: what `modelseal.verify` takes; the last five are the fields of `Allow`."""

    accept: tuple[str, ...]
    strict: bool
    locked: bool
    lock: Path | None
    rules: Path | None


def judging(
    *,
    accept: str | None = None,
    strict: bool,
    locked: bool,
    lock: Path | None,
    rules: Path | None,
    evidence: Path | None = None,
    **asked: Any,
) -> Judging:
    words = tuple(word.strip() for word in accept.split(",")) if accept is not None else ()
    found = asking(evidence=evidence, **asked)
    return Judging(**found, accept=words, strict=strict, locked=locked, lock=lock, rules=rules)


def where(registry: str | None) -> Where:
    from modelseal.journeys.ask import Where

    return Where(registry=registry)


def signing(function: F) -> F:
    """--key and --password-file."""
    function = click.option(
        "--password-file",
        metavar="FILE",
        shell_complete=complete_files,
        help="The password of the key: the first line of this file.",
    )(function)
    return click.option(
        "--key",
        "key_sources",
        metavar="FILE|-|env:NAME",
        shell_complete=complete_files,
        multiple=True,
        help="Sign with this private key; repeat it for more.",
    )(function)


def load_keys(sources: tuple[str, ...], password_file: str | None) -> list[SigningKey]:
    from modelseal import keys
    from modelseal.cli import output

    password = keys.load_password(password_file)
    found = []
    for source in sources:
        if keys.readable_by_others(source):
            output.tell(f"modelseal: warning: {source} can be read by others; chmod 600 it")
        found.append(keys.load(source, password))
    return found


def one_key(sources: tuple[str, ...], password_file: str | None) -> SigningKey:
    if len(sources) != 1:
        raise Usage("exactly one --key is wanted", hint="make a key with: modelseal keygen -o NAME")
    return load_keys(sources, password_file)[0]


def is_path(text: str) -> bool:
    """Whether *text* is a path as typed: it starts with `.`, `/`, `~` or a drive."""
    return text.startswith((".", "/", "~", "\\")) or text[1:3] in (":\\", ":/")


def path(text: str) -> Path:
    return Path(text).expanduser()


def check_parent(file: Path) -> None:
    """Refuse early to write where there is no folder."""
    if not file.absolute().parent.is_dir():
        raise Usage(f"{file.parent}: no such folder")


def check_can_ask(yes: bool, as_json: bool) -> None:
    """Refuse early what wants a yes where nobody can give it."""
    if not yes and (as_json or not (sys.stdin.isatty() and sys.stderr.isatty())):
        raise Usage("this wants a yes, and there is no terminal to ask on", hint="say it beforehand with --yes")


def ask(question: str) -> None:
    """Go on only after a yes."""
    if not click.confirm(question, err=True):
        raise Error("not confirmed; nothing was changed")
