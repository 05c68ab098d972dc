"""modelseal lock"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal.cli import options, output, reporting
from modelseal.errors import Usage

if TYPE_CHECKING:
    from modelseal.journeys.lock import Locked, Taken
    from modelseal.reports import Scan

EPILOG = """\b
Exit status: that of the worst verdict; then nothing is written
  0 all is locked   1 FAILED, or --check found a difference   2 usage   5 UNKNOWN   6 UNAVAILABLE   8 LOG MISBEHAVED
  9 OBSERVED

\b
Examples:
  modelseal lock acme-lab/atlas-7b datasets/acme-lab/corpus
  modelseal lock acme-lab/atlas-7b@9c1f0d2233ab4455667788990011223344556677
  modelseal lock someuser/tiny-lm --accept unknown
  modelseal lock
  modelseal lock --check --report lock.html
  modelseal lock acme-lab/atlas-7b --upgrade
  modelseal lock someuser/tiny-lm --remove
  modelseal lock --save ./to-the-vault
"""


@click.command(epilog=EPILOG)
@click.argument("repos", metavar="[REPO[@REV] ...]", nargs=-1)
@click.option("--check", "check_only", is_flag=True, help="Write nothing; end with 1 if an entry would change.")
@click.option("--upgrade", is_flag=True, help="Move to the newest release; what has none to the Hub's main.")
@click.option("--remove", is_flag=True, help="Take these repos out.")
@click.option(
    "--save",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the lock, all evidence and the trust root to DIR too, for a machine without network.",
)
@options.judge
@reporting.option
@options.common
def lock(
    repos: tuple[str, ...],
    check_only: bool,
    upgrade: bool,
    remove: bool,
    save: Path | None,
    report_files: tuple[Path, ...],
    quiet: bool,
    as_json: bool,
    **judge: Any,
) -> int:
    """Write into modelseal.lock what is taken: repos, their commits, and the digests that these must have.

    Without REPO all that it has is asked for again, and the newest heads of its logs are written down. A repo stays at
    its commit until you name another one, or --upgrade. Commands that find the lock take its repos at these commits,
    and nothing else for them; with --locked nothing but what is in it. It accepts nothing: a repo that nobody has
    sealed is locked, and used, only where --accept or rules.toml allows it.
    """
    from modelseal.journeys import typed
    from modelseal.journeys.lock import lock as journey

    if remove and report_files:
        raise Usage("--report is about repos that are asked for, and --remove asks for none")
    judging = options.judging(**judge)
    reads = [judging["evidence"], judging["lock"], judging["rules"]]
    reports = reporting.check(report_files, None, copy_to=save.expanduser() if save else None, reads=reads)
    one = typed.asked(repos[0].partition("@")[0]) if len(repos) == 1 else None
    with reports.beginning(one):
        done = journey(repos, check_only=check_only, upgrade=upgrade, remove=remove, save=save, **judging)
    if report_files:
        reports.write_scan(_scan(done, judging["lock"]), quiet=quiet or as_json)
    if as_json:
        output.emit(_value(done))
    elif not quiet:
        _show(done)
    return done.exit_code


def _show(done: Locked) -> None:
    from modelseal.formats.names import short
    from modelseal.reports.words import first_line, next_steps

    path = output.escaped(str(done.path), longest=1000)
    refused = done.refused
    if refused:
        worst = refused[0].verdict
        assert worst is not None
        output.say(f"{first_line(worst)}; nothing was locked")
        for note in (*worst.decision.notes, *worst.notes):
            output.line("note", output.escaped(note, longest=1000))
        for other in refused[1:]:
            if other.verdict is not None:
                output.line("also", first_line(other.verdict))
        for step in next_steps(worst):
            output.line("next", step["why"] + (": " + " ".join(step["argv"]) if step["argv"] else ""))
        return
    output.say(f"{_word(done).upper()} {path}: {_counted(done)}")
    for one in done.taken:
        if one.change == "kept":
            continue
        there = one.after or one.before
        assert there is not None
        says = first_line(one.verdict) if one.verdict is not None else short(one.repo)
        moved = f", before: {one.before.commit}" if one.change == "changed" and one.before else ""
        output.line(one.change, f"{says}\nat {there.commit}{moved}")
        if one.verdict is not None and one.verdict.accepted:
            output.line("accepted", output.escaped(one.verdict.accepted, longest=1000))
    for origin, size in done.heads:
        output.line("log", f"{origin}, {size} leaves")
    for file in done.wrote:
        output.tell_line("wrote", output.escaped(str(file), longest=1000))
    if done.check and done.changed:
        output.line("next", "modelseal lock, and review the difference")


_TITLES = {"added": "added", "changed": "changed", "removed": "removed", "kept": "as before"}


def _counted(done: Locked) -> str:
    counts = [(sum(one.change == change for one in done.taken), title) for change, title in _TITLES.items()]
    return ", ".join(f"{count} {title}" for count, title in counts if count) or "nothing in it"


def _word(done: Locked) -> str:
    if done.refused:
        verdict = done.refused[0].verdict
        assert verdict is not None
        return verdict.word.value
    if not done.check:
        return "locked"
    return "outdated" if done.changed else "current"


def _value(done: Locked) -> dict[str, Any]:
    from modelseal.formats.names import printable
    from modelseal.reports.words import next_steps

    refused = done.refused
    return {
        "verdict": _word(done),
        "exit": done.exit_code,
        "lock": printable(str(done.path), longest=1000),
        "repos": [_of_one(one) for one in done.taken],
        "logs": [{"origin": origin, "size": size} for origin, size in done.heads],
        "next": next_steps(refused[0].verdict) if refused and refused[0].verdict is not None else [],
        "wrote": [printable(str(path), longest=1000) for path in done.wrote],
    }


def _of_one(one: Taken) -> dict[str, Any]:
    from modelseal.formats.names import printable

    verdict, there = one.verdict, one.after or one.before
    says = f"{verdict.qualifier}{printable(verdict.says, longest=2000)}".strip(": ") if verdict is not None else None
    return {
        "repo": one.repo,
        "change": one.change,
        "verdict": verdict.word.value if verdict is not None else None,
        "says": says,
        "accepted": printable(verdict.accepted, longest=1000) if verdict is not None and verdict.accepted else None,
        "commit": there.commit if there is not None else None,
        "fileset": there.fileset.hex() if there is not None else None,
        "before": one.before.commit if one.before is not None else None,
        "notes": [printable(note, longest=1000) for note in verdict.notes] if verdict is not None else [],
    }


def _scan(done: Locked, lock: Path | None) -> Scan:
    """Return the verdicts of all that was asked for, as reports have them. *lock*: where it was typed."""
    from dataclasses import replace

    from modelseal.formats.names import short
    from modelseal.reports.subject import Scan, Scanned

    found, unasked = [], []
    for one in done.taken:
        if one.verdict is None:
            unasked.append((short(one.repo), "no registry is trusted for it, so nobody was asked; it stays pinned"))
            continue
        there = one.after or one.before
        revision = one.verdict.decision.asked.revision or (there.commit if there is not None else None)
        verdict = replace(one.verdict, notes=(*one.verdict.notes, _became(one, done)))
        found.append(Scanned(one.repo, revision, "", verdict))
    found.sort(key=lambda one: one.rank)
    typed = str(lock) if lock is not None else None
    return Scan(tuple(found), (), tuple(unasked), (), of_lock=True, lock=typed, command="check", ends=done.exit_code)


def _became(one: Taken, done: Locked) -> str:
    """Say what became of it in the lock."""
    if done.refused:
        return f"nothing was written into {done.path.name}"
    if one.change == "kept":
        says = f"as before in {done.path.name}"
        return says if one.verdict else f"{says}, which accepts nothing: whoever uses it is asked"
    says = f"{'would be ' if done.check else ''}{'new' if one.change == 'added' else 'changed'} in {done.path.name}"
    return says + (f", before: {one.before.commit}" if one.before is not None else "")


COMMANDS = (lock,)
