"""TUF: from a root that is trusted by its fingerprint to the policy and `registry.json` that hold today.

`follow` is python-tuf's client workflow over a reader: rollback, freeze and mix-and-match are its business. What it
accepted is kept as `Saved`, texts as they came; `verify` proves such a text again without network and without
looking at a clock, so that expiry can be judged, named and dated by the caller.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from modelseal.errors import Error, Malformed, NotFound, Refused, Unavailable
from modelseal.formats import paths
from modelseal.formats.trust import Trust, parse_trust
from modelseal.root.saved import Saved
from modelseal.times import by_our_clock, utc
from modelseal.values import dataclass

MAX_ROOTS = 256
MAX_ROOT = 512_000  # bytes, as python-tuf's own limits are
MAX_METADATA = 5_000_000  # bytes: targets, the largest
MAX_TARGET = 512_000  # bytes
MAX_TARGETS = 16
ROLES = ("root", "targets", "snapshot", "timestamp")

_TARGET_NAME = re.compile(r"[a-z0-9][a-z0-9._]{0,63}", re.ASCII)


class Reader(Protocol):
    @property
    def url(self) -> str:
        """The address or folder, for messages."""

    def get(self, path: str, limit: int) -> bytes:
        """Return the file at *path*, at most *limit* bytes. NotFound: there is none; Unavailable: all other trouble."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a saved state proves to someone who trusts its first root."""

    saved: Saved
    trust: Trust
    roots: tuple[bytes, ...]  # SHA-256 of each root, first to newest
    root: int  # version
    timestamp: int  # version
    expires: Mapping[str, int]  # role -> POSIX seconds

    @property
    def age(self) -> tuple[int, int]:
        """Later states compare larger."""
        return self.root, self.timestamp


def find_root(reader: Reader, fingerprint: bytes) -> bytes:
    """Return the root with the SHA-256 *fingerprint*, looking from version 1 upwards."""
    number = 0
    for number in range(1, MAX_ROOTS + 1):
        try:
            data = reader.get(f"{paths.TRUST}{number}.root.json", MAX_ROOT)
        except NotFound:
            number -= 1
            break
        if hashlib.sha256(data).digest() == fingerprint:
            return data
    raise Refused(
        f"{reader.url}: none of its {number} root versions has the fingerprint sha256:{fingerprint.hex()}",
        hint="compare it with whoever gave you the address",
    )


def follow(reader: Reader, first: bytes, known: Saved | None) -> Saved:
    """Return the newest state at *reader* that the root *first* vouches for, and that is no older than *known*.

    Unavailable: no whole answer, or an expired one. Refused: signatures or versions say no, or the newest root has
    expired. Here tuf judges expiry by the clock of this machine.
    """
    import tempfile

    from tuf.api import exceptions
    from tuf.ngclient.updater import Updater

    address = reader.url
    with tempfile.TemporaryDirectory(prefix="modelseal-") as folder, words_of_tuf(address):
        metadata, targets = Path(folder, "metadata"), Path(folder, "targets")
        (metadata / "root_history").mkdir(parents=True)
        targets.mkdir()
        if known:
            _unpack(known, metadata)
        updater = Updater(
            str(metadata), paths.TRUST, str(targets), f"{paths.TRUST}targets/", _fetcher(reader), bootstrap=first
        )
        try:
            updater.refresh()
        except exceptions.ExpiredMetadataError as e:
            _check_newest_root(metadata, address)
            now = int(time.time())
            raise Unavailable(f"{address}: {e}, {by_our_clock(now)}") from e
        except exceptions.DownloadError as e:
            raise _unavailable(e, address) from e
        top = _load("targets", (metadata / "targets.json").read_bytes())
        for target in _listed(top, address):
            path = targets / target.path
            if known and target.path in known.targets:
                path.write_bytes(known.targets[target.path].encode())
            try:
                if not updater.find_cached_target(target, str(path)):  # what has not changed is not fetched again
                    updater.download_target(target, str(path))
            except exceptions.DownloadError as e:
                raise _unavailable(e, address) from e
        return _pack(metadata, targets)


def verify(saved: Saved, fingerprint: bytes) -> Verified:
    """Prove *saved* from the root with *fingerprint* to the targets, by python-tuf's checks; expiry is reported."""
    what = "saved trust root"
    with words_of_tuf(what):
        if hashlib.sha256(saved.roots[0][1]).digest() != fingerprint:
            raise Refused(f"{what}: its first root has not the fingerprint sha256:{fingerprint.hex()}")
        root = _check_chain(saved.roots, what)
        timestamp = _signed(root, "timestamp", saved.metadata["timestamp.json"], what)
        name = f"{timestamp.snapshot_meta.version}.snapshot.json"
        snapshot = _signed(root, "snapshot", saved.metadata.get(name), what, timestamp.snapshot_meta)
        meta = snapshot.meta.get("targets.json")
        if meta is None:
            raise Refused(f"{what}: its snapshot names no targets")
        top = _signed(root, "targets", saved.metadata.get(f"{meta.version}.targets.json"), what, meta)
        listed = {target.path: target for target in _listed(top, what)}
        for target_name, text in saved.targets.items():
            if target_name not in listed:
                raise Refused(f"{what}: {target_name[:64]!r} is none of its targets")
            listed[target_name].verify_length_and_hashes(text.encode())
    trust = parse_trust(saved.policy.encode(), saved.registry.encode())
    signed = {"root": root, "targets": top, "snapshot": snapshot, "timestamp": timestamp}
    return Verified(
        saved=saved,
        trust=trust,
        roots=tuple(hashlib.sha256(data).digest() for _, data in saved.roots),
        root=root.version,
        timestamp=timestamp.version,
        expires={role: int(signed[role].expires.timestamp()) for role in ROLES},
    )


def earlier(reader: Reader, saved: Saved) -> dict[str, bytes]:
    """Return path and bytes of the roots before *saved* begins, which older invitations name.

    They cannot make anybody trust them: whoever begins with one has its fingerprint. That each hands over to the
    next is checked all the same, as a mirror serves nothing else.
    """
    found = {number: reader.get(f"{paths.TRUST}{number}.root.json", MAX_ROOT) for number in range(1, saved.roots[0][0])}
    with words_of_tuf(reader.url):
        _check_chain([*found.items(), saved.roots[0]], reader.url)
    return {f"{paths.TRUST}{number}.root.json": data for number, data in found.items()}


def _check_chain(chain: Sequence[tuple[int, bytes]], what: str) -> Any:
    """Return the newest root of *chain* (number in the file name, bytes), whose first is trusted: they are numbered
    without a gap, and each is signed by the one before and by itself."""
    root: Any = None
    for number, data in chain:
        load = _load("root", data)
        expected = root.version + 1 if root else number
        if not number == load.signed.version == expected:
            raise Refused(f"{what}: {number}.root.json has the version {load.signed.version}, expected {expected}")
        for delegator in (root, load.signed):
            if delegator is not None:
                delegator.verify_delegate("root", load.signed_bytes, load.signatures)
        root = load.signed
    if not root.consistent_snapshot:
        raise Refused(f"{what}: without consistent snapshots")
    return root


def _load(role: str, data: bytes) -> Any:
    """Return the `Metadata` of *role*."""
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata

    load: Any = Metadata.from_bytes(data)
    if load.signed.type != role:
        raise RepositoryError(f"expected {role}, found {load.signed.type}")
    return load


def _signed(root: Any, role: str, text: str | None, what: str, meta: Any = None) -> Any:
    """Return the payload of *role*, signed as *root* says and being the one that *meta* means."""
    if text is None:
        raise Refused(f"{what}: the {role} that was signed for is missing")
    load = _load(role, text.encode())
    root.verify_delegate(role, load.signed_bytes, load.signatures)
    if meta is not None:
        meta.verify_length_and_hashes(text.encode())
        if load.signed.version != meta.version:
            raise Refused(f"{what}: {role} has the version {load.signed.version}, expected {meta.version}")
    return load.signed


def _listed(load: Any, what: str) -> list[Any]:
    """Return the targets that are listed by targets metadata or payload, of names and sizes as ours have."""
    top = getattr(load, "signed", load)
    if top.delegations is not None:
        raise Refused(f"{what}: its targets delegate to others")
    if len(top.targets) > MAX_TARGETS:
        raise Refused(f"{what}: {len(top.targets)} targets, allowed are {MAX_TARGETS}")
    for name, target in top.targets.items():
        if not _TARGET_NAME.fullmatch(name) or set(target.hashes) != {"sha256"} or target.length > MAX_TARGET:
            raise Refused(f"{what}: the target {name[:64]!r} has another name, hash or size than ours have")
    return list(top.targets.values())


def _check_newest_root(metadata: Path, address: str) -> None:
    """Raise Refused if it is the root that has expired: there is no successor, or tuf would have found it."""
    newest = max(metadata.glob("root_history/*.root.json"), key=lambda path: int(path.name.split(".")[0]))
    root = _load("root", newest.read_bytes()).signed
    expires = int(root.expires.timestamp())
    if expires <= time.time():
        raise Refused(
            f"{address}: its root {root.version} expired on {utc(expires)} and has no successor",
            hint=f"all this is {by_our_clock(int(time.time()))}",
        )


def _fetcher(reader: Reader) -> Any:
    """Return *reader* as python-tuf wants it."""
    from tuf.api.exceptions import DownloadHTTPError
    from tuf.ngclient.fetcher import FetcherInterface

    class Fetcher(FetcherInterface):
        def _fetch(self, url: str) -> Iterator[bytes]:  # its caller counts the bytes by the exact limit
            limit = MAX_ROOT if url.endswith(".root.json") else MAX_METADATA
            try:
                return iter([reader.get(url, limit)])
            except NotFound as e:
                raise DownloadHTTPError(str(e), 404) from e

    return Fetcher()


def _unavailable(error: Exception, address: str) -> Unavailable:
    if isinstance(error.__cause__, Unavailable):
        return error.__cause__
    return Unavailable(f"{address}: {error}")


@contextlib.contextmanager
def words_of_tuf(what: str) -> Iterator[None]:
    """No exception of tuf leaves this module; nor does what its parsers leave uncaught."""
    from tuf.api.exceptions import RepositoryError
    from tuf.api.serialization import DeserializationError

    try:
        yield
    except DeserializationError as e:
        raise Malformed(f"{what}: not TUF metadata") from e
    except RepositoryError as e:
        raise Refused(f"{what}: {str(e).encode('unicode_escape').decode('ascii')[:300]}") from e
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        raise Malformed(f"{what}: not TUF metadata of ours") from e
    except OSError as e:  # the temporary folder
        raise Error(f"{what}: cannot be worked on: {(e.strerror or type(e).__name__).lower()}") from e


def _unpack(saved: Saved, metadata: Path) -> None:
    """Write what is known where python-tuf looks for it: it then refuses whatever is older."""
    for number, data in saved.roots:
        (metadata / "root_history" / f"{number}.root.json").write_bytes(data)
    (metadata / "timestamp.json").write_bytes(saved.metadata["timestamp.json"].encode())
    for kind in ("snapshot", "targets"):
        (metadata / f"{kind}.json").write_bytes(saved.metadata[saved.named(kind)[0]].encode())


def _pack(metadata: Path, targets: Path) -> Saved:
    """Read what python-tuf has verified."""
    found = {path.name: path.read_bytes() for path in metadata.glob("root_history/*.root.json")}
    found["timestamp.json"] = (metadata / "timestamp.json").read_bytes()
    for kind in ("snapshot", "targets"):
        data = (metadata / f"{kind}.json").read_bytes()
        found[f"{_load(kind, data).signed.version}.{kind}.json"] = data
    texts = {name: data.decode() for name, data in found.items()}
    saved = Saved(texts, {path.name: path.read_bytes().decode() for path in targets.iterdir()})
    return Saved.parse(saved.encode())  # its limits, and that nothing is missing
