"""modelseal-registry observe, withdraw"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal import times
from modelseal.cli import options, output
from modelseal.cli.output import escaped
from modelseal.errors import Usage
from modelseal.formats import names
from modelseal_registry.cli import common
from modelseal_registry.cli.acts import REASONS, STATUS, carry_out, confirm, signed, with_reason, with_yes

if TYPE_CHECKING:
    from modelseal_registry.config import Place
    from modelseal_registry.observe import Outcome

OBSERVE = """\b
Exit status: 0 logged, or nothing new to say   1 refused, or FAILED: the Hub contradicts what was seen before
  2 usage   6 unavailable   10 PENDING: the record was written for an observer elsewhere; the worst of all repos

\b
Examples:
  modelseal-registry --dir ./reg observe openai/gpt-oss-20b
  modelseal-registry --dir ./reg observe datasets/acme-lab/corpus@v2 --download --key watcher.key

\b
From a list, as cron does it once a day (repos.txt has one REPO[@REV] a line; # begins a comment):
  modelseal-registry --dir ./reg observe --from repos.txt --key watcher.key --quiet
"""
SHOWN = {"observed": "OBSERVED, NOT SIGNED", "unchanged": "UNCHANGED", "sealed": "SEALED"}  # of the others: upper case
BASIS = {"hub-metadata": "on the Hub's word", "downloaded": "all bytes downloaded and hashed"}


@click.command(epilog=OBSERVE)
@click.argument("repos", metavar="[REPO[@REV]] ...", nargs=-1)
@click.option(
    "--from", "source", metavar="FILE", type=click.Path(path_type=Path), help="Observe the repos of this list."
)
@click.option("--download", is_flag=True, help="Hash all bytes; else the Hub's word is taken for those of large files.")
@signed
@options.common
@common.in_folder
def observe(
    place: Place,
    repos: tuple[str, ...],
    source: Path | None,
    download: bool,
    key_sources: tuple[str, ...],
    password_file: str | None,
    save: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Log which files the Hub serves under a name, for repos whose owner does not seal them.

    It says what an observer saw and never who the owner is: after 7 days consumers read OBSERVED, NOT SIGNED. What the
    public cannot see is not observed, nor what the owner seals. Observing again is cheap: a repo that has not changed
    gets another leaf only if its last is older than 7 days. A commit whose files are not what they were is FAILED and
    never logged. Without @REV it is main, which only the owner writes to. DIR is the registry's folder, or that of an
    observer's own mirror, from which it is sent to the registry.
    """
    from modelseal_registry import lists
    from modelseal_registry.observe import observe as journey

    wanted = [lists.wanted(text) for text in repos]
    if len({(one.repo.lower(), one.revision) for one in wanted}) < len(wanted):
        raise Usage("a repo is named twice")
    if bool(wanted) == (source is not None):
        raise Usage("what is to be observed? name a REPO, or a list with --from FILE")
    if source is not None:
        wanted = list(lists.read_repos(source.expanduser()))
    if save is not None and (key_sources or len(wanted) > 1):
        raise Usage("--save writes the record of one repo, for a key that is elsewhere: no --key, no further repo")
    keys = options.load_keys(key_sources, password_file)
    watched = sys.stderr.isatty() and not quiet
    done: list[Outcome] = []
    for outcome in journey(
        place, wanted, download=download, keys=keys, save=save.expanduser() if save else None, quiet=not watched,
        tell=common.event if watched else lambda text: None,
    ):  # fmt: skip
        done.append(outcome)
        if not as_json:
            _say(outcome, quiet=quiet, whole=len(wanted) == 1)
    status = worst(done)
    if as_json:
        output.emit(_value(done, status))
    elif not quiet and len(wanted) > 1:
        output.say(f"{len(done)} repos: {_counted(done)}; exit status {status}")
    return status


def worst(done: list[Outcome]) -> int:
    """Return the exit status of several: what is final before what another try may change."""
    found = {outcome.status for outcome in done}
    return next((status for status in (1, 6, 10) if status in found), 0)


def _counted(done: list[Outcome]) -> str:
    counts = Counter(outcome.word for outcome in done)
    return ", ".join(
        f"{count} {'observed, not signed' if word == 'observed' else word}" for word, count in counts.items()
    )


def _say(outcome: Outcome, *, quiet: bool, whole: bool) -> None:
    """Print a repo's lines; with *quiet* only what went wrong, and of one repo its leaf."""
    bad = outcome.status in (1, 6)
    if quiet and not bad:
        if whole and (value := outcome.draft or outcome.leaf) is not None:
            output.say(str(value))
        return
    say, line = (output.tell, output.tell_line) if quiet else (output.say, output.line)
    listing, record = outcome.listing, outcome.record
    name = escaped(names.short(record.repo) if record else outcome.asked.short)
    first = f"{SHOWN.get(outcome.word, outcome.word.upper())} {name}"
    if outcome.says:
        first += f": {output.harmless(outcome.says)}"
    elif outcome.leaf is not None:
        first += f": leaf {outcome.leaf}"
    say(first)
    if listing is not None and (whole or bad):
        which = escaped(outcome.asked.revision or "main")
        line("revision", f"{listing.commit} ({which}), says {escaped(listing.endpoint)}")
    if outcome.before is not None and record is not None:
        seen = outcome.before.observation
        line("expected", f"{seen.files} files, fileset {seen.fileset.hex()}, as leaf {outcome.before.index} says")
        line("found", f"{record.files} files, fileset {record.fileset.hex()}")
        line("means", "a commit never changes its files: the Hub lies now, or it lied then")
    elif record is not None and not bad:
        line("files", f"{record.files}, {output.size(record.total_bytes)}, {BASIS[record.basis]}")
        if whole:
            line("fileset", record.fileset.hex())
    if outcome.since is not None and not bad:
        line("seen", f"since {times.utc(outcome.since)}; counts from {times.utc(_counts_from(outcome.since))}")
    if outcome.renamed:
        new = escaped(names.short(outcome.renamed))
        line("note", f"the Hub calls it {new} now; observed under the name that was typed, which people trust")
    if outcome.draft is not None:
        draft = escaped(str(outcome.draft))
        line("draft", f"{draft}; an observer: modelseal record sign {draft} --key FILE --submit")
    if outcome.hint:
        line("next", output.harmless(outcome.hint))


def _counts_from(since: int) -> int:
    from modelseal.state.values import COUNTS_AFTER

    return since + COUNTS_AFTER


def _value(done: list[Outcome], status: int) -> dict[str, Any]:
    verdict = {1: "refused", 6: "unavailable", 10: "pending"}.get(status, "observed")
    if status == 0 and all(outcome.word != "observed" for outcome in done):
        verdict = "unchanged"
    return {"verdict": verdict, "exit": status, "repos": [_row(outcome) for outcome in done]}


def _row(outcome: Outcome) -> dict[str, Any]:
    record, listing, since = outcome.record, outcome.listing, outcome.since
    return {
        "repo": record.repo if record else outcome.asked.repo,
        "asked": outcome.asked.revision,
        "verdict": outcome.word,
        "exit": outcome.status,
        "revision": listing.commit if listing else None,
        "hub": escaped(listing.endpoint) if listing else None,
        "files": record.files if record else None,
        "total_bytes": record.total_bytes if record else None,
        "fileset": record.fileset.hex() if record else None,
        "expected": outcome.before.observation.fileset.hex() if outcome.before else None,
        "basis": record.basis if record else None,
        "leaf": outcome.leaf,
        "since": since,
        "counts_from": _counts_from(since) if since is not None else None,
        "renamed": outcome.renamed,
        "draft": str(outcome.draft) if outcome.draft else None,
        "says": output.harmless(outcome.says) if outcome.says else None,
        "hint": output.harmless(outcome.hint) if outcome.hint else None,
    }


@click.command(
    epilog=STATUS
    + REASONS
    + """
\b
Example (COMMIT has 40 hex digits):
  modelseal-registry --dir ./reg withdraw acme-lab/atlas-7b@COMMIT --reason malicious --key ana.key --key ben.key
"""
)
@click.argument("repo", metavar="REPO@COMMIT")
@with_reason
@signed
@with_yes
@options.common
@common.in_folder
def withdraw(place: Place, repo: str, reason: str, yes: bool, as_json: bool, quiet: bool, **signing: Any) -> int:
    """Take back a commit that was observed: it is FAILED for ever, whoever saw it and whatever is observed later.

    It says nothing about a repo that its owner seals: there the owner revokes.
    """
    from modelseal.journeys import typed
    from modelseal_registry import acts

    word = typed.reason(reason)
    asked = typed.asked(repo)
    if asked.revision is None:
        raise Usage(f"{escaped(repo)}: a commit is wanted", hint="withdraw REPO@COMMIT, with 40 hex digits")
    without_asking = yes or signing["save"] is not None
    options.check_can_ask(without_asking, as_json)
    plan = acts.withdraw(place, asked.repo, asked.revision, word)
    confirm(plan, without_asking, "Withdraw it for ever?")
    return carry_out(plan, "WITHDRAWN", as_json, quiet, **signing)


COMMANDS = (observe, withdraw)
