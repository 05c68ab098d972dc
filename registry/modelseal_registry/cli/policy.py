"""modelseal-registry policy: what clients know beforehand"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelseal import times
from modelseal.cli import options, output
from modelseal.errors import Usage
from modelseal_registry.cli import PROGRAM, common

if TYPE_CHECKING:
    from modelseal_registry.config import Place
    from modelseal_registry.policyview import View
    from modelseal_registry.trustdraft import Facts

STATUS = """\b
Exit status: 0 done   1 refused; nothing was changed   2 usage
"""

_file = click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))


@click.group()
def policy() -> None:
    """Change what clients know beforehand: witnesses and quorum, addresses, operators.

    An edit makes a draft. Enough operators sign it, here or on other machines, and publish puts it in place.
    """


@policy.command(
    epilog=STATUS
    + """
\b
Examples:
  modelseal-registry --dir ./reg policy show
  modelseal-registry policy show trust.draft
"""
)
@_file
@options.common
@click.pass_obj
def show(folder: Path | None, file: Path | None, as_json: bool, quiet: bool) -> int:
    """Show what holds, what a draft changes, and who has signed it; of the folder, or the draft in FILE.

    With -q the line that clients need to trust what holds.
    """
    from modelseal_registry import policy as journey

    place, path = _place(folder, file)
    view = journey.show(place, int(time.time())) if file is None and place else journey.look(path)
    if as_json:
        _emit("shown", view)
    elif quiet:
        output.say(view.published.invitation if view.published else str(view.path))
    else:
        _show(view, alone=file is not None)
    return 0


@policy.group()
def witness() -> None:
    """Independent witnesses: whose cosignatures make a checkpoint count."""


@witness.command(
    epilog=STATUS
    + """
\b
Example:
  modelseal-registry --dir ./reg policy witness add ana \\
      mirror.example+b3097d89+BGoqPIXA8yckfWb4vbCTs3XRzpaDC8PPeJp1CLtD0ezx
"""
)
@click.argument("name", metavar="NAME")
@click.argument("vkey", metavar="VKEY")
@click.option("--url", metavar="URL", help="Where it is reached; clients do not look at it.")
@options.common
@common.in_folder
def add(place: Place, name: str, vkey: str, url: str | None, as_json: bool, quiet: bool) -> int:
    """Draft one more witness, NAME in the file, with the key VKEY.

    The quorum grows where it would not be more than half any more. The registry's own cosigner is refused, and so is
    a key that is there already.
    """
    from modelseal_registry import policy as journey
    from modelseal_registry import policyedit

    change = policyedit.add_witness(name, vkey, url)
    return _drafted(journey.edit(place, change, int(time.time())), as_json, quiet)


@witness.command(epilog=STATUS + "\n\b\nExample:\n  modelseal-registry --dir ./reg policy witness remove ana\n")
@click.argument("name", metavar="NAME")
@options.common
@common.in_folder
def remove(place: Place, name: str, as_json: bool, quiet: bool) -> int:
    """Draft one witness less. Without any, clients have the registry's word only."""
    from modelseal_registry import policy as journey
    from modelseal_registry import policyedit

    return _drafted(journey.edit(place, policyedit.remove_witness(name), int(time.time())), as_json, quiet)


@policy.command(epilog=STATUS + "\n\b\nExample:\n  modelseal-registry --dir ./reg policy quorum 2\n")
@click.argument("number", metavar="N", type=click.IntRange(1))
@options.common
@common.in_folder
def quorum(place: Place, number: int, as_json: bool, quiet: bool) -> int:
    """Draft that N of the witnesses must agree; N is more than half of them."""
    from modelseal_registry import policy as journey
    from modelseal_registry import policyedit

    return _drafted(journey.edit(place, policyedit.set_quorum(number), int(time.time())), as_json, quiet)


@policy.command(
    "set",
    epilog=STATUS
    + """
\b
Example:
  modelseal-registry --dir ./reg policy set --holder "Ana, Acme" --holder "Ben, Acme"
""",
)
@click.option("--holder", "holders", metavar="TEXT", multiple=True, help="Who holds the operators' keys; repeatable.")
@click.option("--address", "addresses", metavar="URL", multiple=True, help="Where clients read, in order; repeatable.")
@options.common
@common.in_folder
def set_(place: Place, holders: tuple[str, ...], addresses: tuple[str, ...], as_json: bool, quiet: bool) -> int:
    """Draft other holders or other addresses; each list replaces the one before."""
    from modelseal_registry import policy as journey
    from modelseal_registry import policyedit

    if not holders and not addresses:
        raise Usage("nothing to set", hint=f"{PROGRAM} policy set --holder TEXT ... --address URL ...")
    change = policyedit.set_words(holders, addresses)
    return _drafted(journey.edit(place, change, int(time.time())), as_json, quiet)


@policy.command(
    epilog=STATUS
    + """
\b
Examples:
  modelseal-registry --dir ./reg policy renew
  modelseal-registry --dir ./reg policy renew --operator dora.pub
"""
)
@click.option(
    "--operator",
    "operators",
    metavar="PUB",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The public key of an operator of whom the log has only the fingerprint; repeatable.",
)
@click.option("--new-online-key", is_flag=True, help="From this root on another online key signs; it is made here.")
@options.common
@common.in_folder
def renew(place: Place, operators: tuple[Path, ...], new_online_key: bool, as_json: bool, quiet: bool) -> int:
    """Draft a new root: for one more year, with the operators that the log has now, and what registry.toml says.

    It is signed by enough of the operators before and of those now.
    """
    from modelseal import keys
    from modelseal_registry import policy as journey

    given = [keys.load_public(path) for path in operators]
    return _drafted(journey.renew(place, given, new_online_key, int(time.time())), as_json, quiet)


@policy.command(
    epilog="""\b
Exit status: 0 signed   1 refused: not an operator's key, or a draft that says more than is shown   2 usage

\b
Examples:
  modelseal-registry --dir ./reg policy sign --key ana.key
  modelseal-registry policy sign trust.draft --key ben.key
"""
)
@_file
@options.signing
@options.common
@click.pass_obj
def sign(
    folder: Path | None,
    file: Path | None,
    key_sources: tuple[str, ...],
    password_file: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Sign the draft of the folder, or a copy of it in FILE; see first what it says: policy show.

    FILE can be signed on any machine: nothing else is needed there. Bring it back with: policy publish FILE. Without
    --key the operators' key for trying out signs, if that is what the registry has.
    """
    from modelseal_registry import policy as journey

    place, path = _place(folder, file)
    keys = options.load_keys(key_sources, password_file) or journey.trying_out(place)
    view = journey.sign(path, keys, place if file is None else None)
    assert view.draft is not None
    if as_json:
        _emit("signed", view)
    elif not quiet:
        output.say(f"SIGNED {output.escaped(str(path))}: signed {journey.missing(view.draft)}")
        _show_draft(view)
    return 0


@policy.command(
    epilog="""\b
Exit status: 0 published   1 refused; nothing was changed   2 usage   10 PENDING: signatures are missing

\b
Examples:
  modelseal-registry --dir ./reg policy publish
  modelseal-registry --dir ./reg policy publish from-ben/trust.draft
"""
)
@click.argument("files", metavar="[FILE ...]", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--ahead", is_flag=True, help="Publish a quorum that has not cosigned yet: until it has, nobody verifies."
)
@options.common
@common.in_folder
def publish(place: Place, files: tuple[Path, ...], ahead: bool, as_json: bool, quiet: bool) -> int:
    """Put the draft in place, with the signatures of its copies in FILE; prints what clients need to trust it.

    Refused while too few have signed, and where the log has other operators than the draft.
    """
    from modelseal_registry import policy as journey

    done = journey.publish(place, [file.expanduser() for file in files], ahead, int(time.time()))
    published = done.view.published
    assert published is not None
    if as_json:
        _emit("published", done.view, changes=[output.escaped(line, longest=1000) for line in done.changes])
    elif quiet:
        output.say(published.invitation)
    else:
        output.say(f"PUBLISHED {published.trust.origin}: root {published.root}, targets {published.targets}")
        _changes(done.changes)
        output.line("trust", published.invitation)
        _notes(done.view)
    return 0


def _place(folder: Path | None, file: Path | None) -> tuple[Place | None, Path]:
    """Return the folder, if one is meant, and the draft."""
    from modelseal_registry.config import Place

    place = Place(folder.expanduser().absolute()) if folder is not None else None
    if file is not None:
        return place, file.expanduser()
    if place is None:
        raise Usage("which draft? neither FILE nor --dir was given", hint=f"{PROGRAM} --dir DIR policy ..., or FILE")
    return place, place.draft


def _drafted(view: View, as_json: bool, quiet: bool) -> int:
    if as_json:
        _emit("drafted", view)
    elif quiet:
        output.say(str(view.path))
    else:
        output.say(f"DRAFTED {output.escaped(str(view.path))}")
        _show_draft(view)
        _notes(view)
        folder = output.escaped(str(view.path.parent))
        output.line("next", f"{PROGRAM} --dir {folder} policy sign --key FILE\n{PROGRAM} --dir {folder} policy publish")
    return 0


def _show(view: View, *, alone: bool) -> None:
    from modelseal_registry import policyview

    now = view.published
    if alone:
        output.say(f"DRAFT {output.escaped(str(view.path))}, as this file says")
    elif now is None:
        output.say("UNSIGNED: nothing is published yet, and nobody can trust this registry")
    else:
        output.say(f"POLICY {now.trust.origin}, known by {now.invitation}")
        output.line("quorum", policyview.stands(now.trust.policy))
        for one in now.witnesses:
            output.line("witness", " ".join(filter(None, (one.name, one.key.encode(), one.url))))
        output.line("operators", f"{now.roles.threshold} of {len(now.roles.operators)} sign")
        for key in now.roles.operators:
            output.line("operator", key.fingerprint)
        for holder in now.trust.holders:
            output.line("held by", output.escaped(holder))
        for address in now.trust.addresses:
            output.line("address", address)
        for role in ("root", "targets"):
            version = now.root if role == "root" else now.targets
            output.line(role, f"{version}, until {times.utc(now.expires[role])}")
    if view.draft is not None:
        if not alone:
            output.line("draft", output.escaped(str(view.path)))
        _show_draft(view)
    _notes(view)


def _show_draft(view: View) -> None:
    from modelseal_registry import policy as journey
    from modelseal_registry import policyview

    draft: Facts | None = view.draft
    assert draft is not None
    _changes(view.changes)
    output.line("quorum", policyview.stands(draft.trust.policy))
    root = f"root {draft.root}, " if draft.root else ""
    output.line("valid", f"{root}targets {draft.targets}, until {times.utc(draft.expires)}")
    output.line("signed", journey.missing(draft))
    for key in dict.fromkeys(key for group in draft.groups for key in group.signed):
        output.line("by", key.fingerprint)


def _changes(changes: tuple[str, ...]) -> None:
    if not any(line.startswith(("+ ", "- ")) for line in changes):
        output.line("change", "nothing but versions and dates")
    for line in changes:
        output.line("same" if line.startswith("  ") else "change", output.escaped(line.strip(), longest=1000))


def _notes(view: View) -> None:
    for note in view.notes:
        output.line("note", output.escaped(note, longest=1000))


def _emit(verdict: str, view: View, **more: object) -> None:
    from modelseal_registry import policyview

    output.emit({"verdict": verdict, "exit": 0, **policyview.value(view), **more})


COMMANDS = (policy,)
