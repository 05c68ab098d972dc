"""modelseal-registry suspend, lift, recover, retire, watchlist, operators"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal import times
from modelseal.cli import options, output
from modelseal.cli.output import escaped
from modelseal.errors import Usage
from modelseal.formats import names
from modelseal.formats.records import Withdrawal, namespace_about, type_of
from modelseal_registry.cli import PROGRAM, common

if TYPE_CHECKING:
    from modelseal_registry.acts import Done, Plan
    from modelseal_registry.config import Place

STATUS = """\b
Exit status: 0 logged, or nothing to change   1 refused   2 usage   6 unavailable
  10 PENDING: below the threshold of operators nothing is sent, a .record file was written for the next of them
"""
REASONS = """\b
Reasons: malicious, compromised, key-compromise, withdrawn, superseded
"""


def signed(function: Callable[..., Any]) -> Callable[..., Any]:
    """--key, --password-file and --save."""
    for option in (
        click.option(
            "--save",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Sign nothing: write the record, for keys that are elsewhere.",
        ),
        click.option("--password-file", metavar="FILE", help="The password of the key: the first line of this file."),
        click.option(
            "--key",
            "key_sources",
            metavar="FILE|-|env:NAME",
            multiple=True,
            help="An operator's key, repeatable [the one for trying out].",
        ),
    ):
        function = option(function)
    return function


def with_reason(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--reason", metavar="WORD", required=True, help="Why; see below.")(function)


def with_yes(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--yes", is_flag=True, help="Do not ask.")(function)


_ns = click.argument("namespace", metavar="NS")


@click.command(
    epilog=STATUS
    + REASONS
    + """
\b
Example:
  modelseal-registry --dir ./reg suspend acme-lab --reason malicious
"""
)
@_ns
@with_reason
@signed
@options.common
@common.in_folder
def suspend(place: Place, namespace: str, reason: str, as_json: bool, quiet: bool, **signing: Any) -> int:
    """Stop a namespace for 14 days: no new release is taken, and none of it is VERIFIED.

    One operator suffices. A second time within 90 days it needs the threshold.
    """
    from modelseal.journeys import typed
    from modelseal_registry import acts

    plan = acts.suspend(place, _namespace(namespace), typed.reason(reason))
    return carry_out(plan, "SUSPENDED", as_json, quiet, **signing)


@click.command(
    epilog=STATUS
    + """
\b
Example:
  modelseal-registry --dir ./reg lift acme-lab --key ana.key
"""
)
@_ns
@signed
@options.common
@common.in_folder
def lift(place: Place, namespace: str, as_json: bool, quiet: bool, **signing: Any) -> int:
    """End a suspension, and withdraw new keys that are not in force yet (recover)."""
    from modelseal_registry import acts

    return carry_out(acts.lift(place, _namespace(namespace)), "LIFTED", as_json, quiet, **signing)


@click.command(
    epilog=STATUS
    + """
\b
Example (KEYS.toml is an ns.toml of which only the keys count; the rest may be left out):
  modelseal-registry --dir ./reg recover acme-lab KEYS.toml --key ana.key --key ben.key

\b
KEYS.toml:
  threshold = 1
  [[controllers]]
  key = "new-ana.pub"
  [[signers]]
  key = "new-ci.pub"
  scope = ["hf://acme-lab/*"]
"""
)
@_ns
@click.argument("file", metavar="KEYS.toml", type=click.Path(path_type=Path))
@signed
@with_yes
@options.common
@common.in_folder
def recover(place: Place, namespace: str, file: Path, yes: bool, as_json: bool, quiet: bool, **signing: Any) -> int:
    """Give a namespace, whose owner has lost the keys, new ones: in force 14 days after it is logged.

    Until then lift withdraws it, and one of the present controllers can make it 28 days (modelseal object).
    """
    from modelseal_registry import acts

    options.check_can_ask(yes or signing["save"] is not None, as_json)
    plan = acts.recover(place, _namespace(namespace), file.expanduser())
    confirm(plan, yes or signing["save"] is not None, "Give these keys the namespace?")
    return carry_out(plan, "RECOVERING", as_json, quiet, **signing)


@click.command(
    epilog=STATUS
    + REASONS
    + """
\b
Example:
  modelseal-registry --dir ./reg retire acme-lab --reason withdrawn --key ana.key --key ben.key
"""
)
@_ns
@with_reason
@signed
@with_yes
@options.common
@common.in_folder
def retire(place: Place, namespace: str, reason: str, yes: bool, as_json: bool, quiet: bool, **signing: Any) -> int:
    """Close a namespace for ever: its releases stay VERIFIED, nothing but revocations is added."""
    from modelseal.journeys import typed
    from modelseal_registry import acts

    word = typed.reason(reason)
    options.check_can_ask(yes or signing["save"] is not None, as_json)
    plan = acts.retire(place, _namespace(namespace), word)
    confirm(plan, yes or signing["save"] is not None, "Close it for ever?")
    return carry_out(plan, "RETIRED", as_json, quiet, **signing)


@click.command(
    epilog=STATUS
    + """
\b
Example (names.txt has one name a line, all that are to be watched; # begins a comment):
  modelseal-registry --dir ./reg watchlist names.txt
"""
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@signed
@options.common
@common.in_folder
def watchlist(place: Place, file: Path, as_json: bool, quiet: bool, **signing: Any) -> int:
    """Bring the watch-list to what a file says: names that are imitated although nobody has claimed them here."""
    from modelseal_registry import acts

    plan = acts.watchlist(place, file.expanduser())
    return _unchanged(file, as_json, quiet) if plan is None else carry_out(plan, "WATCHED", as_json, quiet, **signing)


@click.command(
    epilog=STATUS
    + """
\b
Example:
  modelseal-registry --dir ./reg operators operators.toml --key ana.key --key ben.key

\b
operators.toml:
  threshold = 2                    # of the operators must sign
  [[operators]]
  key = "ana.pub"                  # beside this file
  [[operators]]
  key = "ben.pub"
  [[observers]]                    # may be left out
  key = "watcher.pub"
"""
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@signed
@options.common
@common.in_folder
def operators(place: Place, file: Path, as_json: bool, quiet: bool, **signing: Any) -> int:
    """Bring who runs the registry to what a file says: the thresholds of the old and of the new operators sign.

    Then bring the trust root to the same operators: policy renew.
    """
    from modelseal_registry import acts

    plan = acts.operators(place, file.expanduser())
    return _unchanged(file, as_json, quiet) if plan is None else carry_out(plan, "OPERATORS", as_json, quiet, **signing)


def _namespace(text: str) -> str:
    from modelseal.journeys import typed

    return typed.namespace(text if text.startswith("hf://") else "hf://" + text)


def confirm(plan: Plan, yes: bool, question: str) -> None:
    if not yes:
        output.tell(f"About to sign a {escaped(plan.about)}:")
        _show(plan, output.tell_line)
        options.ask(question)


def _unchanged(file: Path, as_json: bool, quiet: bool) -> int:
    if as_json:
        output.emit({"verdict": "unchanged", "exit": 0, "file": str(file)})
    elif not quiet:
        output.say(f"UNCHANGED the log says what {escaped(str(file))} says")
    return 0


def carry_out(
    plan: Plan,
    word: str,
    as_json: bool,
    quiet: bool,
    *,
    key_sources: tuple[str, ...],
    password_file: str | None,
    save: Path | None,
) -> int:
    from modelseal_registry import acts

    if save is not None and key_sources:
        raise Usage("--save is for keys that are elsewhere, --key for one that is here; give one of them")
    keys = options.load_keys(key_sources, password_file)
    done = acts.carry_out(plan, keys, save.expanduser() if save else None)
    status = 0 if done.index is not None else 10
    if as_json:
        output.emit(_value(done, word, status))
    elif quiet:
        output.say(str(done.draft if done.index is None else done.index))
    else:
        whom = _whom(plan)
        output.say(f"{word} {whom}: leaf {done.index}" if status == 0 else f"PENDING {whom}: {_waits(done)}")
        _show(plan, output.line)
        _show_next(done)
    return status


def _whom(plan: Plan) -> str:
    record = plan.unsigned.record
    if isinstance(record, Withdrawal):
        return escaped(f"{names.short(record.repo)}@{record.revision}")
    return escaped(names.short(namespace_about(record) or plan.settings.origin))


def _waits(done: Done) -> str:
    return f"{done.waits_for}; nothing was sent" if done.waits_for else "nothing was signed or sent"


def _show(plan: Plan, line: Callable[[str, str], None]) -> None:
    for text in plan.says:
        line("says", escaped(text, longest=1000))
    for text in plan.changes:
        line("change", escaped(text, longest=1000))


def _show_next(done: Done) -> None:
    record = done.plan.unsigned.record
    if done.draft is not None:
        draft = escaped(str(done.draft))
        output.line("draft", f"{draft}; the next person: modelseal record sign {draft} --key FILE --submit")
    elif type_of(record) == "recover" and done.time is not None:
        whom = escaped(names.short(namespace_about(record) or ""))
        output.line("in force", times.utc(_in_force(done.time)))
        output.line("next", f"to withdraw it before: {PROGRAM} lift {whom}")
    elif type_of(record) == "suspend" and done.time is not None:
        output.line("until", times.utc(_until(done.time)))
    if done.plan.later:
        output.line("then", f"once this is logged, run it again for {done.plan.later} more changes")


def _in_force(time: int) -> int:
    from modelseal.state.owners import DELAY

    return time + DELAY


def _until(time: int) -> int:
    from modelseal.state.acts import SUSPENSION

    return time + SUSPENSION


def _value(done: Done, word: str, status: int) -> dict[str, Any]:
    plan = done.plan
    record = plan.unsigned.record
    kind = type_of(record)
    return {
        "verdict": "pending" if status else word.lower(),
        "exit": status,
        "type": kind,
        "namespace": namespace_about(record),
        "repo": record.repo if isinstance(record, Withdrawal) else None,
        "revision": record.revision if isinstance(record, Withdrawal) else None,
        "record": plan.unsigned.digest.hex(),
        "leaf": done.index,
        "time": done.time,
        "in_force": _in_force(done.time) if kind == "recover" and done.time is not None else None,
        "ends": _until(done.time) if kind == "suspend" and done.time is not None else None,
        "waits_for": done.waits_for,
        "draft": str(done.draft) if done.draft else None,
        "later": plan.later,
        "says": [escaped(text, longest=1000) for text in plan.says],
        "changes": [escaped(text, longest=1000) for text in plan.changes],
    }


COMMANDS = (suspend, lift, recover, retire, watchlist, operators)
