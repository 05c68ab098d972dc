"""What `sign` and `publish` say of the Hub: which commit it named, what was compared, what is only its word."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelseal.cli import output, report
from modelseal.cli.output import escaped
from modelseal.formats import names

if TYPE_CHECKING:
    from modelseal.journeys.sign import Signed
    from modelseal.journeys.uploaded import AtHub, Differs

F = TypeVar("F", bound=Callable[..., Any])


def options(function: F) -> F:
    """--revision, --from-hub and --no-hub."""
    for option in (
        click.option("--no-hub", is_flag=True, help="Ask no Hub: take a commit, 40 hex digits, as given."),
        click.option(
            "--from-hub",
            is_flag=True,
            help="Seal what the Hub lists, without the weights; PATH then only says where the seal goes.",
        ),
        click.option("--revision", metavar="REV", help="The branch, tag or commit that these files are."),
    ):
        function = option(function)
    return function


def lines(signed: Signed, revision: str) -> list[tuple[str, str]]:
    """Return what is said of the commit; *revision* as typed."""
    at = signed.at_hub
    if at is None:
        return [("commit", "taken as given, not compared with the Hub")]
    named = f"{escaped(revision)} at the Hub" if revision != at.commit else "on a branch at the Hub"
    files = len(signed.statement.files)
    says = "its metadata was sealed" if at.from_metadata else "the folder equals the Hub's listing"
    found = [("commit", f"{named}; {says}")]
    if at.on_its_word:
        each = report.some([escaped(name) for name in at.on_its_word])
        says = f"the sha256 of {len(at.on_its_word)} of {files} files is the Hub's word, nobody saw their bytes"
        found.append(("unseen", f"{says}: {each}"))
    if at.repo != signed.statement.repo:
        called, typed = names.short(at.repo), names.short(signed.statement.repo)
        found.append(("note", f"the Hub calls it {called}; the seal is for the name that you typed, {typed}"))
    return found


def how(at: AtHub | None, files: int) -> str:
    """Return how the digests came, if nobody hashed a folder."""
    if at is None or not at.from_metadata:
        return ""
    word = len(at.on_its_word)
    return f"{files - word} fetched and hashed, {word} on the Hub's word (sha256)"


def as_json(at: AtHub | None, shown: list[str]) -> dict[str, Any] | None:
    """Return what --json says of the Hub; names of files are added to *shown*, the list of `untrusted.files`."""
    if at is None:
        return None
    known = {name: place for place, name in enumerate(shown)}
    places = [known.setdefault(escaped(name), len(known)) for name in at.on_its_word]
    shown[:] = known
    return {
        "repo": at.repo,
        "private": at.private,
        "sealed": "metadata" if at.from_metadata else "folder",
        "on_its_word": places,
    }


def differs(e: Differs, quiet: bool, as_json: bool) -> int:
    """Say, file by file, where the folder is not what the Hub has."""
    from modelseal.reports.value import Names

    if quiet and not as_json:
        raise e
    if as_json:
        found = Names()
        findings = [found.finding(one) for one in e.findings]
        output.emit(
            {
                "verdict": "refused",
                "exit": e.exit_code,
                "error": str(e),
                "hint": e.hint,
                "use": "no",
                "repo": e.repo,
                "revision": e.commit,
                "findings": findings,
                "untrusted": {"files": found.shown()},
            }
        )
        return e.exit_code
    output.say(f"REFUSED {e}")
    for finding in e.findings:
        output.line(*report.finding_line(finding, "the Hub's listing"))
    if not e.hashed:
        output.line("compared", "names and sizes; they differ already, so nothing was hashed")
    output.line("next", e.hint or "")
    return e.exit_code
