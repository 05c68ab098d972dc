"""Where trust roots lie.

`home/trust/<origin>/` is what `trust add` made (`entry`). Besides, files in the saved form are trusted for lying in a
place that only the administrator, the distributor or whoever sets MODELSEAL_TRUST can write. They stay as they are;
their newer states are kept in `home/adopted/`. A folder that `trust add` made may be copied to such a place: then it is
for the same namespaces there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from modelseal import platform
from modelseal.errors import Error, Refused, Usage
from modelseal.root import chain, globs
from modelseal.root.entry import LOCAL, PROOF, Entry, lock, read, saved, write
from modelseal.root.saved import MAX_SAVED, Saved

SYSTEM = Path("/etc/modelseal/trust.d")
SHIPPED = Path(__file__).parent.parent / "trust"


def entries(home: Path, env: Mapping[str, str] | None = None) -> list[Entry]:
    """Return every trusted registry, those of *home* first; a damaged one is an error, never absence."""
    named = (os.environ if env is None else env).get("MODELSEAL_TRUST")
    if named:
        path = Path(named).expanduser()
        if not path.exists():
            raise Usage(f"MODELSEAL_TRUST names {path}, which is not there")
        return _once(_adopt(file, home) for file in (_files(path) if path.is_dir() else [path]))
    added = [entry for file in sorted((home / "trust").glob(f"[!.]*/{LOCAL}")) if (entry := _added(file.parent))]
    others = [_adopt(file, home) for folder in (SYSTEM, SHIPPED) for file in _files(folder)]
    return _once([*added, *others])


def named(home: Path, address: str, env: Mapping[str, str] | None = None) -> Entry:
    """Return the entry that *address* names: its URL or its origin."""
    found = entries(home, env)
    wanted = address.rstrip("/")
    for entry in found:
        if wanted in (entry.url.rstrip("/"), entry.trust.url.rstrip("/"), entry.trust.origin):
            return entry
    known = ", ".join(entry.url for entry in found) or "none"
    raise Usage(f"{address} is not trusted", hint=f"trusted: {known}")


def _once(found: Iterable[Entry]) -> list[Entry]:
    """One registry may stand in several places: the first says how, all of them together for which names."""
    kept: dict[str, Entry] = {}
    for entry in found:
        first = kept.setdefault(entry.trust.origin, entry)
        if first is entry:
            continue
        if first.fingerprint != entry.fingerprint and not set(digests(first)) & set(digests(entry)):
            raise Refused(
                f"{first.place} and {entry.place} name two roots of {entry.trust.origin} that have nothing in common",
                hint="keep the one that its operators hand out",
            )
        kept[entry.trust.origin] = dataclasses.replace(first, globs=globs.merged(first.globs, entry.globs))
    return list(kept.values())


def _files(folder: Path) -> list[Path]:
    return [*sorted(folder.glob("[!.]*.trust")), *sorted(folder.glob(f"[!.]*/{PROOF}"))]


def _added(folder: Path) -> Entry | None:
    try:
        return read(folder, folder)
    except platform.Missing:  # removed at this moment by another process
        return None


def _adopt(file: Path, home: Path) -> Entry:
    """Return the entry of a saved form that is trusted for where it lies: its first root is taken as it is.

    What lies beside it says for which names, as it did where `trust add` made it: a copy never decides about more.
    """
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
    beside = file.with_name(LOCAL)
    only = read(file.parent, file).globs if file.name == PROOF and beside.exists() else ()
    return dataclasses.replace(read(folder, file), globs=only)


def folder_of(home: Path, origin: str) -> Path:
    """Where the registry of *origin* lies; two origins never share a name, and none leaves the folder."""
    name = origin.replace("/", "+").replace(":", "@")
    return home / "trust" / (f"_{name}" if name.startswith(".") else name)


def digests(entry: Entry) -> list[bytes]:
    return [hashlib.sha256(data).digest() for _, data in saved(entry).roots]
