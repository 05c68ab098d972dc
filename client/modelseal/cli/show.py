"""modelseal show"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal.cli import options, output
from modelseal.cli.output import escaped
from modelseal.errors import Usage

if TYPE_CHECKING:
    from modelseal.journeys.ask import Answer
    from modelseal.journeys.show import Unverified
    from modelseal.state import Namespace
    from modelseal.verdict import Decision, Standing

EPILOG = """\b
Exit status:
  0 shown   1 not sealed, or revoked   2 usage   6 UNAVAILABLE   8 LOG MISBEHAVED

\b
Examples:
  modelseal show acme-lab/atlas-7b
  modelseal show acme-lab/atlas-7b --export ./atlas-7b.export
  modelseal show hf://acme-lab
  modelseal show ./atlas-7b/model.sig
"""


@click.command(epilog=EPILOG)
@click.argument("target", metavar="REPO[@REV]|hf://NS|PATH")
@click.option(
    "--save", metavar="FILE", type=click.Path(path_type=Path), help="Write the evidence, for verify --evidence."
)
@click.option(
    "--export", metavar="DIR", type=click.Path(path_type=Path), help="Write what other tools read, into a new folder."
)
@options.judge
@options.common
def show(target: str, save: Path | None, export: Path | None, quiet: bool, as_json: bool, **judge: Any) -> int:
    """Show what the log says about a repo or a namespace, or what a file says about itself.

    A PATH (it starts with . / ~ or a drive) is a seal, evidence, a record or a key, or a folder with a model.sig; what
    it says is UNVERIFIED. To check files, use verify.
    """
    if options.is_path(target) or not _is_namespace(target):
        _check_is_no_path(target)
    if options.is_path(target):
        if save or export:
            raise Usage("--save and --export want a REPO", hint="the repo names whose release it is; a file cannot")
        return _path(options.path(target), quiet, as_json)
    asking = options.asking(**judge)
    if _is_namespace(target):
        if save or export:
            raise Usage("--save and --export want a REPO, not a namespace")
        return _namespace(target, asking, quiet, as_json)
    return _repo(target, asking, save, export, quiet, as_json)


def _is_namespace(target: str) -> bool:
    return target.startswith("hf://") and "/" not in target[5:]


def _check_is_no_path(target: str) -> None:
    """`ns/name` where such a file exists may be either: the user says which."""
    if not options.is_path(target) and not target.startswith("hf://") and Path(target).exists():
        shown = escaped(target)
        raise Usage(f"{shown} may be a file or a repo", hint=f"for the file: ./{shown}; for the repo: hf://{shown}")


# a repo


def _repo(
    target: str, asking: options.Asking, save: Path | None, export: Path | None, quiet: bool, as_json: bool
) -> int:
    from modelseal.journeys import show as journey
    from modelseal.journeys import typed
    from modelseal.journeys.ask import Where
    from modelseal.journeys.export import export as write

    for file in (save, export):
        if file is not None:
            options.check_parent(file.expanduser())
    asked = typed.asked(target)
    answer = journey.repo(asked, Where(**asking))
    decision = answer.decision
    elsewhere = decision.chosen is not None and asked.revision not in (None, decision.chosen.release.revision)
    sealed = decision.word is None and not elsewhere
    wrote = []
    if save is not None:
        journey.save(answer, save.expanduser())
        wrote.append(str(save))
    if export is not None:
        if elsewhere:
            raise Usage(f"{escaped(target)} is not sealed at that commit, so there is nothing to export")
        wrote += [str(export / name) for name in write(answer, export.expanduser())]
    status = 0 if sealed else 1
    if as_json:
        output.emit({**_repo_json(decision, elsewhere), "exit": status, "wrote": wrote})
    elif not quiet:
        _show_repo(decision, elsewhere)
        for name in wrote:
            output.line("wrote", escaped(name, longest=4096))
    return status


def _show_repo(decision: Decision, elsewhere: bool) -> None:
    from modelseal.cli.report import log_line
    from modelseal.formats.names import short

    name = short(decision.repo or decision.asked.repo)
    says = escaped(decision.says, longest=2000)
    if elsewhere:
        output.say(f"NOT SEALED {name}@{decision.asked.revision}: shown is the newest release of the repo")
    elif decision.word is None:
        word = "SEALED" if decision.quorum else "SEALED (registry's word only)"
        output.say(f"{word} {name}, by {_owner(decision)}")
    else:
        output.say(" ".join(part for part in (decision.qualifier or decision.word.text, name) if part) + says)
    if decision.chosen is not None:
        release = decision.chosen.release
        output.line("revision", release.revision)
        output.line("seal", f"sha256:{release.seal.hex()}")
        output.line("key", f"SHA256:{release.signer.sha256.hex()}")
        output.line("files", f"{release.files}, {output.size(release.total_bytes)}")
        for line in _files(decision):
            output.line("file", line)
    if decision.time is not None:
        output.line("log", log_line(decision, decision.chosen))
    for one in reversed(decision.releases):
        output.line("release", _standing(one))
    for note in decision.notes:
        output.line("note", escaped(note, longest=1000))
    if decision.word is None:
        output.line("next", f"modelseal verify PATH --repo {name}")


def _owner(decision: Decision) -> str:
    publisher = decision.publisher
    return f"{escaped(str(publisher))}{'' if publisher and publisher.checked else ' (owner not checked)'}"


def _files(decision: Decision) -> list[str]:
    from modelseal.cli.report import MAX_SHOWN

    if decision.statement is None:
        return []
    files = decision.statement.files
    most = MAX_SHOWN if sys.stdout.isatty() else len(files)
    lines = [f"sha256:{output.digest(file.sha256.hex())}  {file.size} bytes  {escaped(file.name)}" for file in files]
    return lines[:most] + ([f"{len(lines) - most} more; --json lists all"] if len(lines) > most else [])


def _standing(one: Standing) -> str:
    from modelseal.times import utc

    state = f"REVOKED ({one.voided.reason})" if one.voided else "valid"
    return f"{one.sealed.release.revision}, leaf {one.sealed.index}, {utc(one.sealed.time)}, {state}"


def _repo_json(decision: Decision, elsewhere: bool) -> dict[str, Any]:
    chosen, publisher, statement = decision.chosen, decision.publisher, decision.statement
    word = "not-sealed" if elsewhere else "sealed" if decision.word is None else decision.word.value
    return {
        "verdict": word,
        "use": "no" if decision.word else "ask",  # no bytes were looked at
        "repo": decision.repo or decision.asked.repo,
        "revision": chosen.release.revision if chosen else None,
        "publisher": publisher
        and {"namespace": publisher.namespace, "domain": publisher.domain, "owner_checked": publisher.checked},
        "mirrors": decision.quorum,
        "as_of": decision.time,
        "says": escaped(f"{decision.qualifier}{decision.says}".strip(": "), longest=2000),
        "log": {"origin": decision.origin, "leaf": chosen.index if chosen else None, "size": decision.size},
        "seal": chosen.release.seal.hex() if chosen else None,
        "key": f"SHA256:{chosen.release.signer.sha256.hex()}" if chosen else None,
        "releases": [
            {
                "revision": one.sealed.release.revision,
                "leaf": one.sealed.index,
                "time": one.sealed.time,
                "revoked": one.voided.reason if one.voided else None,
            }
            for one in decision.releases
        ],
        "notes": [escaped(note, longest=1000) for note in decision.notes],
        "untrusted": {
            "title": escaped(publisher.title) if publisher else None,
            "files": [
                {"name": escaped(file.name), "size": file.size, "sha256": file.sha256.hex()}
                for file in (statement.files if statement else ())
            ],
        },
    }


# a namespace


def _namespace(target: str, asking: options.Asking, quiet: bool, as_json: bool) -> int:
    from modelseal.cli.report import log_line
    from modelseal.journeys import show as journey
    from modelseal.journeys import typed
    from modelseal.journeys.ask import Where

    name = typed.namespace(target)
    answer, owner = journey.namespace(name, Where(**asking))
    status = 0 if owner else 1
    if as_json:
        output.emit({**_namespace_json(name, answer, owner), "exit": status})
    elif not quiet and owner is None:
        proof = f"(proof of absence in a log of {answer.decision.size} leaves)"
        output.say(f"UNKNOWN {name}: nobody's claim of it is approved {proof}")
    elif not quiet and owner is not None:
        checked = "" if owner.identity.basis == "web" else " (owner not checked)"
        output.say(f"REGISTERED {owner.claim.namespace}, {_owner(answer.decision).removesuffix(checked)}{checked}")
        for key, text in _facts(owner):
            output.line(key, escaped(text, longest=1000))
        output.line("log", log_line(answer.decision, None))
    return status


def _facts(owner: Namespace) -> list[tuple[str, str]]:
    from modelseal.journeys.record import TEXT_FIELDS, key_lines, shown

    says = [
        ("claim", f"{name}: {shown(getattr(owner.claim, name))}") for name in TEXT_FIELDS if getattr(owner.claim, name)
    ]
    says += [("keys", line) for line in key_lines(owner.key_set)]
    says.append(("chain", f"record {owner.seq} of the owner, turn {owner.turn} of the operators"))
    if owner.identity.resembles:
        says.append(("operators", f"they say it resembles {shown(owner.identity.resembles)}"))
    says += [("voided", f"contents {fileset.hex()} ({voided.reason})") for fileset, voided in owner.filesets.items()]
    return says


def _namespace_json(name: str, answer: Answer, owner: Namespace | None) -> dict[str, Any]:
    value: dict[str, Any] = {
        "verdict": "registered" if owner else "unknown",
        "namespace": owner.claim.namespace if owner else name,
        "as_of": answer.decision.time,
        "log": {"origin": answer.decision.origin, "size": answer.decision.size},
        "untrusted": {},
    }
    if owner:
        value |= {
            "domain": owner.claim.domain,
            "owner_checked": owner.identity.basis == "web",
            "keys": owner.key_set.value(),
            "chain": owner.seq,
            "turn": owner.turn,
            "untrusted": {"title": escaped(owner.claim.title)},
        }
    return value


# a path


def _path(path: Path, quiet: bool, as_json: bool) -> int:
    from modelseal.journeys import show as journey

    found = journey.read(path)
    if as_json:
        output.emit(_path_json(found))
    elif not quiet:
        output.say(f"UNVERIFIED {found.kind} {escaped(found.about)}")
        for key, text in found.says:
            output.line(key, escaped(text, longest=1000))
        if found.files:
            output.line("files", f"{len(found.files)}, {output.size(sum(size for _, size, _ in found.files))}")
        for name, size, digest in found.files:
            output.line("file", f"sha256:{output.digest(digest)}  {size} bytes  {escaped(name)}")
        if "key" not in found.kind:
            output.line("means", "this is what the file says; nothing was checked, and anybody can write such a file")
        if found.repo is not None:
            name = "FILE --offline" if found.kind == "evidence" else ""
            output.line("next", f"modelseal verify PATH --repo {found.repo}" + (f" --evidence {name}" if name else ""))
    return 0


def _path_json(found: Unverified) -> dict[str, Any]:
    return {
        "verdict": "unverified",
        "exit": 0,
        "use": "no",
        "path": str(found.path),
        "kind": found.kind,
        "untrusted": {
            "about": escaped(found.about),
            "says": [[key, escaped(text, longest=1000)] for key, text in found.says],
            "files": [{"name": escaped(name), "size": size, "sha256": digest} for name, size, digest in found.files],
        },
    }


COMMANDS = (show,)
