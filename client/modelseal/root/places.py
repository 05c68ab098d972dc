"""Where trust roots lie, and which one decides.

`home/trust/<origin>/` is what `trust add` made (`entry`). Besides, files in the saved form are trusted for lying in a
place that only the administrator, the distributor or whoever sets MODELSEAL_TRUST can write. They stay as they are;
their newer states are kept in `home/adopted/`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from modelseal import platform
from modelseal.errors import Error, Malformed, Refused, Unavailable, Usage
from modelseal.root import chain
from modelseal.root.chain import ROLES, Reader, Verified
from modelseal.root.entry import LOCAL, MAX_MIRRORS, PROOF, Entry, lock, read, renewed, saved, write
from modelseal.root.saved import MAX_SAVED, Saved
from modelseal.times import utc

SYSTEM = Path("/etc/modelseal/trust.d")
SHIPPED = Path(__file__).parent.parent / "trust"

_ADD = (
    "modelseal trust add https://HOST#sha256:HEX (whoever runs the registry hands it out); "
    "without one: modelseal show PATH, keygen, sign"
)
_AGAIN = "remove, and add by the new fingerprint"


class NoTrust(Unavailable):
    """No registry is trusted: nobody can be asked about any name."""


def entries(home: Path, env: Mapping[str, str] | None = None) -> list[Entry]:
    """Return every trusted registry, those of *home* first; a damaged one is an error, never absence."""
    named = (os.environ if env is None else env).get("MODELSEAL_TRUST")
    if named:
        path = Path(named).expanduser()
        if not path.exists():
            raise Usage(f"MODELSEAL_TRUST names {path}, which is not there")
        return _once(_adopt(file, home) for file in (_files(path) if path.is_dir() else [path]))
    added = [read(file.parent, file.parent) for file in sorted((home / "trust").glob(f"[!.]*/{LOCAL}"))]
    others = [_adopt(file, home) for folder in (SYSTEM, SHIPPED) for file in _files(folder)]
    return _once([*added, *others])


def find(home: Path, env: Mapping[str, str] | None = None) -> Entry:
    """Return the registry that decides about every name. Raises NoTrust, or Usage if there are several."""
    found = entries(home, env)
    if not found:
        raise NoTrust("no registry is trusted, so nobody can be asked", hint=_ADD)
    if len(found) > 1:
        raise Usage(
            f"{found[0].place} and {found[1].place} both decide about every name",
            hint=f"keep one of them: modelseal trust remove {found[1].url}",
        )
    return found[0]


def add(reader: Reader, fingerprint: bytes, home: Path, now: int, *, env: Mapping[str, str] | None = None) -> Entry:
    """Trust the registry that *reader* reads, from the root with *fingerprint* on. All of it is kept, or nothing.

    Refused: no such root, an expired one, bad signatures, or an origin that is trusted with another root.
    """
    first = chain.find_root(reader, fingerprint)
    verified = chain.verify(chain.follow(reader, first, None), fingerprint)
    return _admit(verified, fingerprint, home, now, env, url=reader.url, refreshed=now)


def add_file(data: bytes, fingerprint: bytes, home: Path, now: int, *, env: Mapping[str, str] | None = None) -> Entry:
    """Like `add`, from the saved form *data*: nothing is asked."""
    verified = chain.verify(Saved.parse(data), fingerprint)
    return _admit(verified, fingerprint, home, now, env, url=verified.trust.url, refreshed=0)


def usable(entry: Entry, now: int) -> Entry:
    """Return *entry*, or raise Unavailable naming the role that has expired."""
    for role in ROLES:
        if entry.expires[role] <= now:
            raise Unavailable(
                f"trust root of {entry.trust.origin}: its {role} expired on {utc(entry.expires[role])}",
                hint="it is renewed by any command that may ask the registry or a mirror",
            )
    return entry


def refresh(entry: Entry, reader: Reader, now: int) -> Entry:
    """Return *entry* brought up to date by *reader*, and keep it.

    Whatever that address answers wrongly is Unavailable and changes nothing: the next one is tried, or the last good
    state serves until it expires. Refused: properly signed targets that are about another log.
    """
    known = saved(entry)
    try:
        verified = chain.verify(chain.follow(reader, known.roots[0][1], known), entry.fingerprint)
    except (Refused, Malformed) as e:
        raise Unavailable(f"{e}; the last good trust root of {entry.trust.origin} stays") from e
    _check_same_log(entry, verified)
    with lock(entry.folder.parent):
        kept = read(entry.folder, entry.place)  # another process may have been faster, or added a mirror
        if kept.age > verified.age:
            return kept
        return write(renewed(kept, verified, now), verified.saved)


def refreshed(entry: Entry, readers: Iterable[Reader], now: int) -> Entry:
    """Return *entry*, refreshed by the first of *readers* that can if that is due. Raises Unavailable if expired."""
    if entry.is_due(now):
        for reader in readers:
            try:
                entry = refresh(entry, reader, now)
                break
            except Unavailable:
                continue
    return usable(entry, now)


def save(entry: Entry) -> bytes:
    """Return the saved form: nothing in it is local."""
    return saved(entry).encode()


def remove(home: Path, address: str, env: Mapping[str, str] | None = None) -> Entry:
    """Trust the registry at *address* (or of that origin) no more; return what it was."""
    entry = named(home, address, env)
    if entry.place != entry.folder:
        raise Refused(f"{entry.trust.origin} is trusted because of {entry.place}", hint="remove that file")
    with lock(entry.folder.parent):
        try:
            (entry.folder / LOCAL).unlink(missing_ok=True)  # from here on it is not trusted
            import shutil

            shutil.rmtree(entry.folder)
        except OSError as e:
            raise Error(f"{entry.folder}: cannot be removed: {(e.strerror or type(e).__name__).lower()}") from e
    return entry


def named(home: Path, address: str, env: Mapping[str, str] | None = None) -> Entry:
    """Return the entry that *address* names: its URL or its origin."""
    found = entries(home, env)
    wanted = address.rstrip("/")
    for entry in found:
        if wanted in (entry.url.rstrip("/"), entry.trust.url.rstrip("/"), entry.trust.origin):
            return entry
    known = ", ".join(entry.url for entry in found) or "none"
    raise Usage(f"{address} is not trusted", hint=f"trusted: {known}")


def add_address(entry: Entry, location: str) -> Entry:
    """Ask *location*, a URL or folder, too; it is trusted no more than the other addresses."""
    with lock(entry.folder.parent):
        kept = read(entry.folder, entry.place)
        if location in kept.addresses:
            return kept
        if len(kept.mirrors) == MAX_MIRRORS:
            raise Usage(f"{entry.trust.origin} has {MAX_MIRRORS} added addresses already")
        return write(dataclasses.replace(kept, mirrors=(*kept.mirrors, location)))


def remove_address(entry: Entry, location: str) -> Entry:
    """Ask *location*, which `add_address` added, no more."""
    with lock(entry.folder.parent):
        kept = read(entry.folder, entry.place)
        if location not in kept.mirrors:
            raise Usage(f"{location} was not added", hint=f"added: {', '.join(kept.mirrors) or 'none'}")
        return write(dataclasses.replace(kept, mirrors=tuple(m for m in kept.mirrors if m != location)))


def _admit(
    verified: Verified,
    fingerprint: bytes,
    home: Path,
    now: int,
    env: Mapping[str, str] | None,
    *,
    url: str,
    refreshed: int,
) -> Entry:
    """Keep *verified* in *home*, if it is good now and nothing that is trusted already stands against it."""
    if (os.environ if env is None else env).get("MODELSEAL_TRUST"):
        raise Usage("MODELSEAL_TRUST says what is trusted, and nothing else is", hint="unset it to add a registry")
    folder = _folder(home, verified.trust.origin)
    entry = Entry.of(verified, fingerprint, folder, url=url, refreshed=refreshed)
    if entry.expires["root"] <= now:
        raise Refused(f"{url}: its root {entry.root} expired on {utc(entry.expires['root'])} and has no successor")
    usable(entry, now)
    with lock(home / "trust"):
        for other in entries(home, env):
            if other.trust.origin != entry.trust.origin:
                raise Usage(
                    f"{other.url} ({other.trust.origin}) decides about every name already; {url} would too",
                    hint=f"to change over: modelseal trust remove {other.url}",
                )
            # one chain of roots may be entered at several of its roots, but two chains have none in common
            if not set(_digests(other)) & set(verified.roots):
                raise Refused(
                    f"{entry.trust.origin} is trusted already, with the root sha256:{other.fingerprint.hex()}",
                    hint=_AGAIN,
                )
            _check_same_log(other, verified)
            if other.folder == entry.folder:
                if other.age > verified.age:
                    return other
                entry = dataclasses.replace(entry, mirrors=other.mirrors)
        return write(entry, verified.saved)


def _check_same_log(entry: Entry, verified: Verified) -> None:
    """The log key, witnesses and quorum may change; which log it is, and how it begins, may not."""
    if verified.trust.origin != entry.trust.origin:
        raise Refused(
            f"the trust root of {entry.trust.origin} is now about another log, {verified.trust.origin}", hint=_AGAIN
        )
    if verified.trust.leaf0 != entry.trust.leaf0:
        raise Refused(
            f"the trust root of {entry.trust.origin} now names the first leaf {verified.trust.leaf0.hex()}, "
            f"known is {entry.trust.leaf0.hex()}",
            hint=_AGAIN,
        )


def _once(found: Iterable[Entry]) -> list[Entry]:
    """One registry may stand in several places with one root: the first decides."""
    kept: dict[tuple[str, bytes], Entry] = {}
    for entry in found:
        kept.setdefault((entry.trust.origin, entry.fingerprint), entry)
    return list(kept.values())


def _files(folder: Path) -> list[Path]:
    return [*sorted(folder.glob("*.trust")), *sorted(folder.glob(f"*/{PROOF}"))]


def _adopt(file: Path, home: Path) -> Entry:
    """Return the entry of a saved form that is trusted for where it lies: its first root is taken as it is."""
    data = platform.read_file(file, MAX_SAVED, "trust root", follow=True)
    folder = home / "adopted" / hashlib.sha256(data).hexdigest()[:32]
    if not (folder / LOCAL).exists():
        try:
            proof = Saved.parse(data)
            fingerprint = hashlib.sha256(proof.roots[0][1]).digest()
            verified = chain.verify(proof, fingerprint)
        except Error as e:
            raise type(e)(f"{file}: {e}") from e
        with lock(folder.parent):
            write(Entry.of(verified, fingerprint, folder, url=verified.trust.url, refreshed=0), verified.saved)
    return read(folder, file)


def _folder(home: Path, origin: str) -> Path:
    """Where the registry of *origin* lies; two origins never share a name, and none leaves the folder."""
    name = origin.replace("/", "+").replace(":", "@")
    return home / "trust" / (f"_{name}" if name.startswith(".") else name)


def _digests(entry: Entry) -> list[bytes]:
    return [hashlib.sha256(data).digest() for _, data in saved(entry).roots]
