"""`modelseal.lock`: what was taken, by the tool, reviewed like code. Pure: text in, values out, and back.

    v = 1

    [[log]]
    origin = "registry.example"
    checkpoint = \"\"\"
    registry.example
    48310
    ...
    \"\"\"

    [[repo]]
    repo = "hf://acme-lab/atlas-7b"
    commit = "9c1f0d2233ab4455667788990011223344556677"
    verdict = "sealed"
    publisher = "Acme Lab (acme.example)"
    fileset = "<64 hex>"
    seal = "<64 hex>"
    log = "registry.example"
    leaf = 48307
    date = 2026-11-24T18:20:01Z

    [end]

`[end]` stands last, so that no part of the file is taken for the whole. `seal`, `publisher`: of sealed repos; `leaf`
of their release, or of an observation; `log`: of all but those that were pinned where no log is trusted. Repos without
a seal have `files`, each with name, size and sha256. What the tool writes is sorted and has one fact to a line: a
change is a small diff. What people changed is read in any order, if it says what can be true.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import replace
from typing import Any

from modelseal.errors import Malformed
from modelseal.formats import manifest, names, strict
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.manifest import File
from modelseal.formats.note import Note
from modelseal.rules import read_toml
from modelseal.times import LAST, rfc3339
from modelseal.values import dataclass

MAX_LOCK = 32 << 20  # bytes: some 200,000 files
MAX_NOTE = 64 << 10
MAX_ENTRIES = 10_000
MEND = "restore it from version control, or make it again: modelseal lock OWNER/NAME"
VERDICTS = ("sealed", "observed", "unknown", "pinned")

_HEAD = """\
# What was taken, by `modelseal lock`: change it with that command, and review it like code.
v = 1
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A repo that was taken."""

    repo: str  # hf://acme-lab/atlas-7b
    commit: str
    verdict: str  # of VERDICTS
    fileset: bytes
    date: int  # POSIX seconds: when it was taken
    log: str | None = None  # origin of the log that said so; None: pinned, no log was trusted
    publisher: str | None = None
    seal: bytes | None = None
    leaf: int | None = None  # of the release or the observation
    files: tuple[File, ...] = ()  # of a repo without a seal, sorted by name

    @property
    def key(self) -> str:
        return self.repo.lower()


@dataclass(frozen=True, slots=True)
class Lock:
    notes: tuple[tuple[str, str], ...] = ()  # origin and newest checkpoint note of each log
    entries: tuple[Entry, ...] = ()

    def find(self, repo: str) -> Entry | None:
        """Return the entry of *repo* (any case)."""
        return next((one for one in self.entries if one.key == repo.lower()), None)

    def note(self, origin: str) -> str | None:
        return dict(self.notes).get(origin)

    def with_entry(self, entry: Entry) -> Lock:
        """Return it with *entry* for its repo; one that says the same keeps the date that it has."""
        was = self.find(entry.repo)
        if was is not None and replace(was, date=entry.date) == entry:
            return self
        return replace(self.without(entry.repo), entries=(*self.without(entry.repo).entries, entry))

    def without(self, repo: str) -> Lock:
        return replace(self, entries=tuple(one for one in self.entries if one.key != repo.lower()))

    def with_note(self, origin: str, note: str) -> Lock:
        return replace(self, notes=tuple(sorted({**dict(self.notes), origin: note}.items())))


def size_of(note: str) -> int:
    """Return how many leaves the log of a checkpoint note has."""
    return Checkpoint.parse(Note.parse(note).text).size


def claimed_time_of(note: str) -> int | None:
    """Return when a checkpoint note was last cosigned, as it says itself; None if no calendar has that time."""
    times = (one.claimed_time for one in Note.parse(note).signatures)
    return max((one for one in times if one is not None and one <= LAST), default=None)


def is_meant(data: bytes) -> bool:
    """Whether a file that is no lock was to be one, by its tables."""
    return re.search(rb"^[ \t]*\[(\[repo\]|\[log\]|end)\]", data, re.MULTILINE) is not None


def parse(data: bytes, where: str) -> Lock:
    """Read the file that lies at *where*; Malformed if anything in it is not understood."""
    value = strict.Object(read_toml(data, where, MAX_LOCK), where)
    value.take("v", strict.version)
    notes = value.take("log", strict.sequence(_note, most=MAX_ENTRIES)) if value.has("log") else ()
    entries = value.take("repo", strict.sequence(_entry, most=MAX_ENTRIES)) if value.has("repo") else ()
    value.take("end", strict.constant({}))
    value.done()
    if len(dict(notes)) != len(notes):
        raise Malformed(f"{where}: log: one stands there twice")
    names.unique_in_lower_case(tuple(one.repo for one in entries), f"{where}: repo")
    return Lock(tuple(sorted(notes)), tuple(sorted(entries, key=lambda one: one.key)))


def _note(value: Any, what: str) -> tuple[str, str]:
    fields = strict.Object(value, what)
    origin = fields.take("origin", names.origin)
    text = fields.take("checkpoint", strict.text(longest=MAX_NOTE))
    fields.done()
    if Checkpoint.parse(Note.parse(text, f"{what}: checkpoint").text).origin != origin:
        raise Malformed(f"{what}: the checkpoint is not one of {origin}")
    return origin, text


def _entry(value: Any, what: str) -> Entry:
    fields = strict.Object(value, what)

    def maybe(name: str, check: strict.Check[Any], absent: Any = None) -> Any:
        return fields.take(name, check) if fields.has(name) else absent

    found = Entry(
        repo=fields.take("repo", names.repo),
        commit=fields.take("commit", names.revision),
        verdict=fields.take("verdict", _verdict),
        fileset=fields.take("fileset", strict.hexadecimal),
        date=fields.take("date", _time),
        log=maybe("log", names.origin),
        publisher=maybe("publisher", strict.text(longest=400)),
        seal=maybe("seal", strict.hexadecimal),
        leaf=maybe("leaf", strict.integer()),
        files=maybe("files", strict.sequence(_file, least=1), ()),
    )
    fields.done()
    _check(found, f"{what}: {names.short(found.repo)}")
    return found


def _check(entry: Entry, what: str) -> None:
    """Refuse what cannot be true: a fact too many or too few for the verdict, a fileset of other files."""
    sealed = entry.verdict == "sealed"
    wanted = {
        "log": entry.verdict != "pinned",
        "publisher": sealed,
        "seal": sealed,
        "leaf": sealed,
        "files": not sealed,
    }
    if entry.verdict == "observed":
        del wanted["leaf"]
    for name, want in wanted.items():
        if (getattr(entry, name) not in (None, ())) != want:
            raise Malformed(f"{what}: {entry.verdict}, and {name} {'is missing' if want else 'stands there'}")
    if entry.files:
        manifest.check_files(entry.files, what)
        if manifest.fileset(entry.files) != entry.fileset:
            raise Malformed(f"{what}: its fileset is not that of its files")


def _verdict(value: Any, what: str) -> str:
    if value not in VERDICTS:
        raise Malformed(f"{what}: {names.printable(str(value))} is none of {', '.join(VERDICTS)}")
    return str(value)


def _file(value: Any, what: str) -> File:
    fields = strict.Object(value, what)
    found = File(
        fields.take("name", manifest.file_name),
        fields.take("size", strict.integer()),
        fields.take("sha256", strict.hexadecimal),
    )
    fields.done()
    return found


def _time(value: Any, what: str) -> int:
    if not isinstance(value, datetime.datetime) or value.tzinfo is None or value.microsecond:
        raise Malformed(f"{what}: not a time as 2026-11-24T18:20:01Z")
    return strict.integer()(int(value.timestamp()), what)


def encode(lock: Lock) -> bytes:
    """Return the file: the same for the same lock, one fact to a line, every character in it to be seen."""
    parts = [_HEAD]
    for origin, note in sorted(lock.notes):
        parts.append(f'\n[[log]]\norigin = {_text(origin)}\ncheckpoint = """\n{_lines(note)}"""\n')
    for one in sorted(lock.entries, key=lambda one: one.key):
        lines = [f"repo = {_text(one.repo)}", f"commit = {_text(one.commit)}", f"verdict = {_text(one.verdict)}"]
        lines += [f"publisher = {_text(one.publisher)}"] if one.publisher is not None else []
        lines += [f"fileset = {_text(one.fileset.hex())}"]
        lines += [f"seal = {_text(one.seal.hex())}"] if one.seal is not None else []
        lines += [f"log = {_text(one.log)}"] if one.log is not None else []
        lines += [f"leaf = {one.leaf}"] if one.leaf is not None else []
        lines += [f"date = {rfc3339(one.date)}"]
        if one.files:
            rows = [
                f"  {{ name = {_text(file.name)}, size = {file.size}, sha256 = {_text(file.sha256.hex())} }},"
                for file in one.files
            ]
            lines += ["files = [", *rows, "]"]
        parts.append("\n[[repo]]\n" + "\n".join(lines) + "\n")
    parts.append("\n[end]\n")
    return "".join(parts).encode()


def _text(text: str) -> str:
    """Return a TOML string: what cannot be seen, or changes the order of what stands around it, is escaped."""
    return '"' + _escaped(text) + '"'


def _escaped(text: str) -> str:
    return re.sub('"', '\\\\"', names.printable(text, longest=len(text)))


def _lines(note: str) -> str:
    return "".join(_escaped(line) + "\n" for line in note.removesuffix("\n").split("\n"))
