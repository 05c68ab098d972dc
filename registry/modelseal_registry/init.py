"""`init`: a new registry, whole or not at all.

    1 the folder is free            4 leaf 0, the operators
    2 a folder beside it            5 trust root: policy, registry.json; the first checkpoint and public/
    3 settings and keys             6 the name it was asked to have

With operators' public keys step 5 is a draft of the trust root for them to sign, and `policy publish` does the rest.

Until step 6 all of it lies in a folder beside, named `.NAME.init-...`, whose lock is held. A killed init leaves that
one; the next init removes it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelseal import platform
from modelseal.errors import Conflict, Malformed, Unavailable, Usage
from modelseal.formats import merkle, names, records, strict
from modelseal.formats.identity import MAX_KEYS, Key
from modelseal.formats.policy import encode_policy, parse_policy
from modelseal.formats.records import Operators
from modelseal.formats.trust import Trust
from modelseal.keys import SigningKey
from modelseal.keytext import PublicKey
from modelseal_registry import config, keyfiles, trustdraft, trustfiles
from modelseal_registry.config import Config, Place
from modelseal_registry.log import load_signer, open_log
from modelseal_registry.sequencer import create_log
from modelseal_registry.store import open_store
from modelseal_registry.trustdraft import Roles

HOLDER = "one key on the registry host, for trying out"


@dataclass(frozen=True, slots=True)
class Made:
    config: Config
    operators: tuple[str, ...]  # fingerprints
    threshold: int
    fingerprint: bytes | None  # of the trust root; None: it waits for the operators' signatures

    @property
    def invitation(self) -> str | None:
        """What a client needs: `URL#sha256:HEX`."""
        return f"{self.config.url}#sha256:{self.fingerprint.hex()}" if self.fingerprint else None


def init(
    place: Place,
    origin: str,
    operators: Sequence[PublicKey] = (),
    threshold: int | None = None,
    holders: Sequence[str] = (),
) -> Made:
    """Make the registry *origin* in *place*, which must not exist or be empty.

    Without *operators* one key on this host is it, for trying out. *threshold*: how many must sign, by default more
    than half. *holders*: who holds their keys, as clients are told.
    """
    threshold = _check_operators(operators, threshold)
    try:
        names.origin(origin, "origin")
    except Malformed as e:
        raise Usage(str(e), hint="an origin is a URL without https://, in lower case: registry.example") from e
    with fresh_folder(place.dir) as beside:  # 1 2 6
        settings = config.defaults(beside, origin)
        _keys(settings, trying_out=not operators)  # 3
        if operators:
            leaf0 = _begin(settings, operators, threshold, observers=())  # 4
            _draft(settings, leaf0, trustdraft.ordered(operators), threshold, tuple(holders))  # 5
            fingerprint = None
        else:
            operator = keyfiles.load(settings.place.keys / keyfiles.OPERATOR)
            operators = (operator.public,)
            # It observes too, so that everything can be tried out at once; operators elsewhere name observers later.
            leaf0 = _begin(settings, operators, 1, observers=(operator.public.key,))
            fingerprint = _publish(settings, leaf0, operator, tuple(holders) or (HOLDER,))
    return Made(config.read(place), tuple(key.fingerprint for key in operators), threshold, fingerprint)


def _check_operators(operators: Sequence[PublicKey], threshold: int | None) -> int:
    """Return the threshold; Usage if these cannot be the operators."""
    if len(operators) > MAX_KEYS:
        raise Usage(f"{len(operators)} operators, allowed are {MAX_KEYS}")
    for number, key in enumerate(operators):
        if key in operators[:number]:
            raise Usage(f"one --operator twice: {key.fingerprint}; nobody counts twice")
    if threshold is None:
        return len(operators) // 2 + 1 if operators else 1
    if not operators:
        raise Usage("--threshold is of operators, and no --operator was given")
    if not 1 <= threshold <= len(operators):
        raise Usage(f"--threshold {threshold}: of {len(operators)} operators it is 1 to {len(operators)}")
    return threshold


@contextlib.contextmanager
def fresh_folder(target: Path) -> Iterator[Place]:
    """Give a new folder beside *target* that takes its name at the end, or leaves nothing behind.

    Conflict if something is in *target* already: nothing of it is changed.
    """
    if os.path.lexists(target) and (target.is_symlink() or not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} is not empty; nothing was changed", hint="choose a new folder with --dir")
    prefix = f".{target.name}.init-"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_dead(target.parent, prefix)
        beside = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    except OSError as e:
        raise Usage(f"{target}: {(e.strerror or 'cannot be made').lower()}") from e
    try:
        place = Place(beside)
        with platform.lock(place.lock, timeout_s=0):
            yield place
        beside.chmod(0o755)  # public/ in it is for everybody; the keys have a folder of their own
        with contextlib.suppress(FileNotFoundError):
            target.rmdir()  # it was empty
        beside.rename(target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _remove_dead(parent: Path, prefix: str) -> None:
    for left in parent.glob(prefix + "*"):
        with contextlib.suppress(Unavailable):  # somebody is at work there
            with platform.lock(Place(left).lock, timeout_s=0):
                pass
            shutil.rmtree(left, ignore_errors=True)


def _keys(settings: Config, *, trying_out: bool) -> None:
    folder = settings.place.keys
    folder.mkdir(mode=0o700)
    platform.write_new(settings.place.registry_toml, config.encode(settings))
    for name in (keyfiles.LOG, keyfiles.COSIGNER, keyfiles.ONLINE, *((keyfiles.OPERATOR,) if trying_out else ())):
        keyfiles.create(folder / name)


def _begin(settings: Config, operators: Sequence[PublicKey], threshold: int, observers: tuple[Key, ...]) -> bytes:
    """Make the log; return the hash of leaf 0."""
    keys = sorted((key.key for key in operators), key=lambda key: strict.encode(key.value()))
    record = Operators(settings.origin, 1, None, tuple(keys), threshold, observers)
    store = open_store(settings.place.database)
    try:
        create_log(store, records.encode_record(record), int(time.time()))
        with store.read() as tx:
            first = tx.leaf(0)
    finally:
        store.close()
    assert first is not None
    return merkle.leaf_hash(first)


def _told(settings: Config, leaf0: bytes, holders: tuple[str, ...]) -> Trust:
    signer = load_signer(settings)
    policy = parse_policy(encode_policy(signer.log, signer.own), signer.own)
    return Trust(settings.origin, leaf0, settings.max_age_s, policy, settings.url, (settings.url,), holders)


def _draft(
    settings: Config, leaf0: bytes, operators: tuple[PublicKey, ...], threshold: int, holders: tuple[str, ...]
) -> None:
    [online] = trustfiles.online(settings.place)
    told = _told(settings, leaf0, holders or (f"{threshold} of {len(operators)} operators",))
    draft = trustdraft.first(Roles(operators, threshold, online.public), trustfiles.contents(told), int(time.time()))
    trustdraft.facts(draft)
    platform.write_new(settings.place.draft, draft.encode())


def _publish(settings: Config, leaf0: bytes, operator: SigningKey, holders: tuple[str, ...]) -> bytes:
    with open_log(settings) as log:
        [online] = trustfiles.online(settings.place)
        fingerprint = trustfiles.create(settings, _told(settings, leaf0, holders), operator, online)
        log.sequencer(trustfiles.TrustFiles(settings)).start()
    return fingerprint
