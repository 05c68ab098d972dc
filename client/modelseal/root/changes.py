"""How what is trusted changes: a registry is added, refreshed, given more addresses, removed. Whole or not at all."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from modelseal.errors import Error, Malformed, Refused, Unavailable, Usage
from modelseal.root import chain, globs
from modelseal.root.chain import ROLES, Reader, Verified
from modelseal.root.entry import MAX_MIRRORS, Entry, lock, read, renewed, saved, write
from modelseal.root.places import digests, entries, folder_of, named
from modelseal.root.saved import Saved
from modelseal.root.which import check_one_decides_with
from modelseal.times import by_our_clock, utc

_AGAIN = "remove, and add by the new fingerprint"


def add(
    reader: Reader,
    fingerprint: bytes,
    home: Path,
    now: int,
    *,
    only: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
) -> Entry:
    """Trust the registry that *reader* reads, from the root with *fingerprint* on. All of it is kept, or nothing.

    *only*: the globs of namespaces about which it decides, besides those that it has already; none: every name.
    Refused: no such root, an expired one, bad signatures, or an origin that is trusted with another root. Usage: then
    two registries would decide about one name.
    """
    first = chain.find_root(reader, fingerprint)
    verified = chain.verify(chain.follow(reader, first, None), fingerprint)
    return _admit(verified, fingerprint, home, now, env, url=reader.url, refreshed=now, only=only)


def add_file(
    data: bytes,
    fingerprint: bytes,
    home: Path,
    now: int,
    *,
    only: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
) -> Entry:
    """Like `add`, from the saved form *data*: nothing is asked."""
    verified = chain.verify(Saved.parse(data), fingerprint)
    return _admit(verified, fingerprint, home, now, env, url=verified.trust.url, refreshed=0, only=only)


def usable(entry: Entry, now: int) -> Entry:
    """Return *entry*, or raise Unavailable naming the role that has expired."""
    for role in ROLES:
        if entry.expires[role] <= now:
            when = f"{utc(entry.expires[role])}, {by_our_clock(now)}"
            raise Unavailable(
                f"trust root of {entry.trust.origin}: its {role} expired on {when}",
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
        write(renewed(kept, verified, now), verified.saved)
    return dataclasses.replace(renewed(kept, verified, now), globs=entry.globs)  # those of all places together


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


def copy(entry: Entry, folder: Path) -> Path:
    """Write the new or older *folder* with *entry* and the names that it is for, which the saved form does not have."""
    write(dataclasses.replace(entry, folder=folder), saved(entry))
    return folder


def remove(home: Path, address: str, env: Mapping[str, str] | None = None) -> Entry:
    """Trust the registry at *address* (or of that origin) no more; return what it was."""
    entry = named(home, address, env)
    if entry.place != entry.folder:
        raise Refused(f"{entry.trust.origin} is trusted because of {entry.place}", hint="remove that file")
    with lock(entry.folder.parent):
        gone = entry.folder.with_name(f".removed-{entry.folder.name}")  # no place is looked at with such a name
        try:
            import shutil

            if gone.exists():  # somebody was interrupted here
                shutil.rmtree(gone)
            entry.folder.rename(gone)  # from here on it is not trusted, anywhere
            shutil.rmtree(gone)
        except OSError as e:
            raise Error(f"{entry.folder}: cannot be removed: {(e.strerror or type(e).__name__).lower()}") from e
    return entry


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
    only: tuple[str, ...],
) -> Entry:
    """Keep *verified* in *home*, if it is good now and nothing that is trusted already stands against it."""
    if (os.environ if env is None else env).get("MODELSEAL_TRUST"):
        raise Usage("MODELSEAL_TRUST says what is trusted, and nothing else is", hint="unset it to add a registry")
    folder = folder_of(home, verified.trust.origin)
    entry = Entry.of(verified, fingerprint, folder, url=url, refreshed=refreshed, globs=only)
    if entry.expires["root"] <= now:
        raise Refused(
            f"{url}: its root {entry.root} expired on {utc(entry.expires['root'])} and has no successor",
            hint=f"all this is {by_our_clock(now)}",
        )
    usable(entry, now)
    with lock(home / "trust"):
        others = entries(home, env)
        for other in others:
            if other.trust.origin == entry.trust.origin:
                _check_same_chain(other, verified)
                if only and not other.globs:
                    raise Usage(
                        f"{other.url} ({other.trust.origin}) decides about every name already",
                        hint=f"for fewer names: modelseal trust remove {other.url}, then add it again",
                    )
                entry = dataclasses.replace(entry, globs=globs.merged(entry.globs, other.globs))
        check_one_decides_with(entry, others)
        for other in others:
            if other.folder == entry.folder:
                if other.age > verified.age:
                    return write(dataclasses.replace(other, globs=entry.globs))
                entry = dataclasses.replace(entry, mirrors=other.mirrors)
        return write(entry, verified.saved)


def _check_same_chain(entry: Entry, verified: Verified) -> None:
    # one chain of roots may be entered at several of its roots, but two chains have none in common
    if not set(digests(entry)) & set(verified.roots):
        raise Refused(
            f"{entry.trust.origin} is trusted already, with the root sha256:{entry.fingerprint.hex()}", hint=_AGAIN
        )
    _check_same_log(entry, verified)


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
