"""Show what the log says about a name, or what a file says about itself.

The first is proven like everywhere else. The second is not: whoever made a file wrote what it says, so all of it is
UNVERIFIED.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelseal import keys, platform
from modelseal.allowed import LOCK
from modelseal.errors import Conflict, Error, Malformed, Usage
from modelseal.formats import names, records, strict
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.envelope import Bundle
from modelseal.formats.evidence import MAX_EVIDENCE, Evidence
from modelseal.formats.leaves import Leaf, Submission
from modelseal.formats.manifest import Statement
from modelseal.formats.names import Asked
from modelseal.formats.note import Note
from modelseal.formats.records import Release
from modelseal.journeys.ask import Answer, Where, ask, heard
from modelseal.journeys.record import look_up_namespace
from modelseal.journeys.sign import SEAL
from modelseal.journeys.words import about
from modelseal.state import Namespace
from modelseal.times import utc
from modelseal.values import dataclass

if TYPE_CHECKING:
    from modelseal.lockfile import Entry, Lock

# Where tools leave their signatures in a folder: this one and model_signing, NVIDIA's skills, Kaggle.
PLACES = (SEAL, "skill.oms.sig", ".kaggle/signing.json")


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a file says. Its texts are as they stand there: whoever prints them escapes them."""

    path: Path
    kind: str  # seal, evidence, record, public key, private key, claim file, lock
    about: str
    says: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, int | None, str], ...] = ()  # name, bytes where known, hex digest
    algorithm: str = "sha256"  # of those digests
    repo: str | None = None  # what to verify, as a suggestion
    lock: Lock | None = None  # what a lock says


def repo(asked: Asked, where: Where = Where()) -> Answer:
    """Return what the log proves about *asked*; an answer that proves nothing is an error."""
    return heard(ask(asked, where))


def namespace(name: str, where: Where = Where()) -> tuple[Answer, Namespace | None]:
    """Return what the log proves about the namespace *name*; None: proven that it is not there."""
    answer = look_up_namespace(name, where)
    state = answer.decision.state
    return answer, state.namespace(name, answer.decision.time) if state else None


def check_place(path: Path) -> None:
    """Refuse to write evidence over anything but older evidence."""
    try:
        Evidence.parse(platform.read_file(path, MAX_EVIDENCE, "file", follow=True))
    except platform.Missing:
        pass
    except (Malformed, Usage) as e:
        raise Conflict(f"{path} is not evidence and is not overwritten", hint="write elsewhere with --save FILE") from e


def save(answer: Answer, path: Path) -> None:
    """Write the evidence of *answer*; only older evidence gives way to it."""
    assert answer.evidence is not None  # it was heard
    check_place(path)
    platform.replace(path, answer.evidence)


def read(path: Path) -> Unverified:
    """Say what the file at *path* says; of a folder its `model.sig`, or the signature that another tool left there."""
    if path.is_dir():
        there = [path / name for name in PLACES if (path / name).exists()]
        if not there:
            raise Usage(f"{path} has no {SEAL}", hint="give a file: a seal, evidence, a record, a key or a lock")
        path = there[0]
    data = platform.read_file(path, MAX_EVIDENCE, "file", follow=True)
    if b"PRIVATE KEY-----" in data[:4096]:
        return _private_key(path)
    if data.lstrip().startswith(b"-----BEGIN PUBLIC KEY-----"):
        public = keys.load_public(path)
        return Unverified(path, "public key", public.fingerprint, (("type", public.algorithm),))
    if not data.lstrip().startswith(b"{"):
        return _lock(path, data)
    found = _fields(data, path)
    for field, read_as in (
        ("mediaType", _seal), ("lookups", _evidence), ("signatures", _record), ("claims", _claim_file),
    ):  # fmt: skip
        if field in found:
            try:
                return read_as(path, data)
            except Malformed as e:
                raise type(e)(f"{path}: {e}") from e
    raise _unknown(path)


def _fields(data: bytes, path: Path) -> dict[str, Any]:
    try:
        found = strict.loads(strict.decode(data, str(path), limit=MAX_EVIDENCE), str(path))
    except Malformed as e:
        raise _unknown(path) from e
    if not isinstance(found, dict):
        raise _unknown(path)
    return found


def _unknown(path: Path) -> Error:
    return Usage(f"{path} is nothing of ours", hint="shown are seals, evidence, records, keys and locks")


def _private_key(path: Path) -> Unverified:
    try:
        key = keys.load(str(path), None)
    except Usage as e:
        return Unverified(path, "private key", "its fingerprint is not known", (("why", str(e)),))
    return Unverified(path, "private key", key.public.fingerprint, (("type", key.public.algorithm),))


def _seal(path: Path, data: bytes) -> Unverified:
    try:
        bundle = Bundle.parse(data)
        statement = Statement.parse(bundle.payload)
    except Malformed:
        from modelseal.journeys.foreign import describe

        return describe(path, data)
    says = [
        ("payload", f"sha256:{hashlib.sha256(bundle.payload).hexdigest()}"),
        ("created", f"{utc(statement.created)}, it says"),
        ("key", f"one with the hint {bundle.hint}"),
    ]
    says += [(name, value) for name, value in (("license", statement.license), ("base", statement.base_model)) if value]
    files = tuple((file.name, file.size, file.sha256.hex()) for file in statement.files)
    return Unverified(path, "seal", names.short(statement.uri), tuple(says), files, repo=names.short(statement.repo))


def _evidence(path: Path, data: bytes) -> Unverified:
    found = Evidence.parse(data)
    checkpoint = Checkpoint.parse(Note.parse(found.checkpoint, "checkpoint").text)
    leaves = [(one.index, Leaf.parse(one.leaf)) for one in found.leaves]
    says = [("log", f"{checkpoint.origin}, {checkpoint.size} leaves")]
    says += [("leaf", f"{number}, {utc(leaf.time)}: {about(leaf.record)}") for number, leaf in leaves]
    if found.seal is not None:
        says.append(("seal", names.short(Statement.parse(Bundle.parse(found.seal).payload).uri)))
    spelled = [leaf.record.repo for _, leaf in leaves if isinstance(leaf.record, Release)]
    name = names.short(spelled[-1] if spelled else found.repo)
    return Unverified(path, "evidence", name, tuple(says), repo=name)


def _record(path: Path, data: bytes) -> Unverified:
    found = Submission.parse(data)
    says = [("digest", f"sha256:{records.digest(found.text).hex()}"), ("for", found.record.origin)]
    says += [("signed by", f"SHA256:{entry.fingerprint.hex()}, it says") for entry in found.signatures]
    return Unverified(path, "record", about(found.record), tuple(says))


def _claim_file(path: Path, data: bytes) -> Unverified:
    fields = strict.Object(strict.parse(data, "claim file", limit=1 << 20), "claim file")
    fields.take("v", strict.version)
    claims = fields.take("claims", strict.listing(strict.hexadecimal, least=1))
    fields.done()
    return Unverified(
        path, "claim file", f"{len(claims)} claims", tuple(("claim", f"sha256:{one.hex()}") for one in claims)
    )


def _lock(path: Path, data: bytes) -> Unverified:
    from modelseal import lockfile  # and with it what reads TOML

    try:
        found = lockfile.parse(data, str(path))
    except Malformed as e:
        if path.name != LOCK and not lockfile.is_meant(data):
            raise _unknown(path) from e
        raise type(e)(str(e), hint=lockfile.MEND) from e
    says = [("repo", _taken(one)) for one in found.entries]
    for origin, note in found.notes:
        time = lockfile.claimed_time_of(note)
        says.append(("log", f"{origin}, {lockfile.size_of(note)} leaves" + (f", {utc(time)}" if time else "")))
    repos, logs = len(found.entries), len(found.notes)
    about = f"{repos} repo{'' if repos == 1 else 's'}, {logs} log{'' if logs == 1 else 's'}"
    return Unverified(path, "lock", about, tuple(says), lock=found)


def _taken(one: Entry) -> str:
    """Say what was taken and when; the publisher last, which is any text."""
    files = f", {len(one.files)} file{'' if len(one.files) == 1 else 's'}" if one.files else ""
    publisher = f", by {one.publisher}" if one.publisher is not None else ""
    return f"{names.short(one.repo)}@{one.commit}, {one.verdict}{files}, taken {utc(one.date)}{publisher}"
