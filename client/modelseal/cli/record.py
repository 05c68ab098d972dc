"""modelseal record"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelseal.cli import options, output
from modelseal.cli.output import escaped
from modelseal.errors import Usage

if TYPE_CHECKING:
    from modelseal.journeys.ask import Where
    from modelseal.journeys.record import Sent, View

STATUS = """\b
Exit status:
  0 done   1 refused   2 usage   6 UNAVAILABLE   8 LOG MISBEHAVED
  10 PENDING: below the threshold, nothing was sent; or taken, and not logged yet
"""

_file = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))


@click.group()
def record() -> None:
    """Sign and send .record files: what needs several people's signatures.

    claim, revoke, object and the operators' commands write one where a signature is missing; it goes from one holder
    of a key to the next.
    """


@record.command(
    epilog=STATUS
    + """
\b
Example:
  modelseal record sign acme-lab.record --key ben.key --submit
"""
)
@_file
@options.signing
@click.option("--submit", is_flag=True, help="Send it if that is enough signatures.")
@options.offline
@options.registry
@options.common
def sign(
    file: Path,
    key_sources: tuple[str, ...],
    password_file: str | None,
    submit: bool,
    offline: bool,
    registry: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Add your signature to a record; see first what it says: modelseal record show FILE.

    It also works where the log cannot be asked, on a machine without network or trust root; then it does not say how
    many signatures are missing.
    """
    from modelseal.journeys import record as journey

    keys = options.load_keys(key_sources, password_file)
    if not keys:
        raise Usage("a --key is wanted", hint="make a key with: modelseal keygen -o NAME")
    if submit and offline:
        raise Usage("--submit needs the network, --offline forbids it")
    sent = journey.sign(file.expanduser(), keys, _where(registry, offline), send=submit)
    return _report("SIGNED", file, sent, submit, quiet, as_json)


@record.command(
    epilog=STATUS
    + """
\b
Example:
  modelseal record submit acme-lab.record
"""
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.registry
@options.common
def submit(files: tuple[Path, ...], registry: str | None, quiet: bool, as_json: bool) -> int:
    """Send a record that has enough signatures; several FILEs are copies that several people have signed.

    Sent twice it is logged once.
    """
    from modelseal.journeys import record as journey

    sent = journey.send([file.expanduser() for file in files], options.where(registry))
    return _report("SIGNED", files[0], sent, True, quiet, as_json)


@record.command(
    epilog=STATUS
    + """
\b
Example:
  modelseal record show acme-lab.record
"""
)
@_file
@options.offline
@options.registry
@options.common
def show(file: Path, offline: bool, registry: str | None, quiet: bool, as_json: bool) -> int:
    """Say what a record says, what it would change in the log, and who has signed it."""
    from modelseal.journeys import record as journey

    view = journey.show(file.expanduser(), _where(registry, offline))
    return _report("RECORD", file, journey.Sent(view, waits_for=view.missing), False, quiet, as_json)


def _where(registry: str | None, offline: bool) -> Where | None:
    return None if offline else options.where(registry)


def _report(word: str, file: Path, done: Sent, sending: bool, quiet: bool, as_json: bool) -> int:
    view, logged = done.view, done.logged
    status = 10 if sending and logged is None else 0
    if as_json:
        output.emit(
            {
                "verdict": "pending" if status else "logged" if logged is not None else word.lower(),
                "exit": status,
                "file": str(file),
                "record": view.submission.digest.hex(),
                "leaf": logged,
                "logged": view.logged or logged is not None,
                "sent": done.sent,
                "waits_for": done.waits_for,
                "signatures": list(view.signers),
                "not_compared": escaped(view.alone, longest=500) if view.alone is not None else None,
                "untrusted": {
                    "about": escaped(view.about),
                    "says": [escaped(line, longest=1000) for line in view.says],
                    "changes": [escaped(line, longest=1000) for line in view.changes or ()],
                },
            }
        )
        return status
    if quiet:
        return status
    about = escaped(view.about)
    if logged is not None:
        output.say(f"LOGGED {about}: leaf {logged} of {view.submission.record.origin}")
    elif status:
        output.say(f"PENDING {about}: {done.waits_for}; {'it was sent' if done.sent else 'nothing was sent'}")
    else:
        output.say(f"{word} {about}")
    for line in view.says:
        output.line("says", escaped(line, longest=1000))
    for line in view.changes or ():
        output.line("change", escaped(line, longest=1000))
    for signer in view.signers or ("nobody",):
        output.line("signed by", signer)
    if not done.sent:
        _show_standing(view, file)
    return status


def _show_standing(view: View, file: Path) -> None:
    name = escaped(str(file))
    if view.alone is not None:
        output.line(
            "log",
            f"not asked ({escaped(view.alone, longest=500)}): what it changes, and how many must sign, is not known",
        )
        return
    if view.logged:
        output.line("log", "it is logged already")
    elif view.missing:
        output.line("waits for", view.missing)
        output.line("next", f"the next person: modelseal record sign {name} --key FILE --submit")
    else:
        if view.count:
            output.line("enough", view.count)
        output.line("next", f"modelseal record submit {name}")


COMMANDS = (record,)
