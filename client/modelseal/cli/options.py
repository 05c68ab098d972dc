"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelseal.errors import Malformed, Usage
from modelseal.formats import names
from modelseal.formats.names import Asked

if TYPE_CHECKING:
    from modelseal.journeys.ask import Where
    from modelseal.keys import SigningKey

F = TypeVar("F", bound=Callable[..., Any])


def common(function: F) -> F:
    """--json and -q, for every command."""
    function = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, also on failure.")(function)
    return click.option("-q", "--quiet", is_flag=True, help="Print only the one value, or nothing.")(function)


def registry(function: F) -> F:
    return click.option(
        "--registry",
        metavar="URL|FOLDER",
        envvar="MODELSEAL_REGISTRY",
        help="Ask here instead of the addresses of the trust root. It is trusted no more than they are.",
    )(function)


def judge(function: F) -> F:
    """Whom to ask, and how old an answer may be."""
    for option in reversed(
        (
            click.option(
                "--evidence",
                metavar="FILE",
                type=click.Path(path_type=Path),
                help="Decide on this evidence; ask nobody.",
            ),
            click.option("--offline", is_flag=True, envvar="MODELSEAL_OFFLINE", help="Never use the network."),
            click.option("--max-age", metavar="DUR", help="Refuse older answers (90s 5m 24h 30d)."),
            click.option(
                "--as-of",
                metavar="TIME|evidence",
                help="Judge freshness by this time, or the evidence's own; says VERIFIED AS OF.",
            ),
        )
    ):
        function = option(function)
    return registry(function)


def where(
    *,
    registry: str | None,
    evidence: Path | None = None,
    offline: bool = False,
    max_age: str | None = None,
    as_of: str | None = None,
) -> Where:
    from modelseal import times
    from modelseal.journeys.ask import Where

    clock: int | str | None = as_of
    if as_of is not None and as_of != "evidence":
        clock = times.parse_time(as_of)
    return Where(registry, evidence, offline, times.parse_duration(max_age) if max_age else None, clock)


def signing(function: F) -> F:
    """--key and --password-file."""
    function = click.option(
        "--password-file", metavar="FILE", help="The password of the key: the first line of this file."
    )(function)
    return click.option(
        "--key",
        "key_sources",
        metavar="FILE|-|env:NAME",
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


def asked(text: str) -> Asked:
    """Read REPO[@REV] as typed."""
    try:
        return names.parse_repo(text)
    except Malformed as e:
        shown = names.printable(text)
        if "@" in text:
            try:
                names.parse_repo(text.partition("@")[0])
            except Malformed:
                pass
            else:
                raise Usage(
                    f"{shown}: a revision is a commit of 40 hex digits, or main",
                    hint="branches and tags are not resolved yet; give the commit",
                ) from e
        raise Usage(
            f"{shown!r} is not a repo", hint="repos are written owner/name, datasets/owner/name or spaces/owner/name"
        ) from e


def asked_commit(repo: str, revision: str | None) -> Asked:
    """Read --repo and --revision, which together name a commit."""
    found = asked(repo)
    if revision is not None:
        there = asked(f"{repo.partition('@')[0]}@{revision}")
        if "@" in repo and there != found:
            raise Usage(f"--repo {names.printable(repo)} and --revision {names.printable(revision)} differ")
        found = there
    if found.revision is None:
        raise Usage("a commit is wanted: 40 hex digits", hint="give it with --revision")
    return found


def is_path(text: str) -> bool:
    """Whether *text* is a path as typed: it starts with `.`, `/`, `~` or a drive."""
    return text.startswith((".", "/", "~", "\\")) or text[1:3] in (":\\", ":/")


def path(text: str) -> Path:
    return Path(text).expanduser()
