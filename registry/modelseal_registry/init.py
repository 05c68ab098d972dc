"""`init`: a new registry, whole or not at all.

    1 the folder is free            4 leaf 0, the operators, and the first checkpoint
    2 a folder beside it            5 trust root: policy, registry.json
    3 settings and keys             6 public/, and the name it was asked to have

Until step 6 all of it lies in a folder beside, named `.NAME.init-...`, whose lock is held. A killed init leaves that
one; the next init removes it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelseal import platform
from modelseal.errors import Conflict, Malformed, Unavailable, Usage
from modelseal.formats import merkle, names, records
from modelseal.formats.policy import encode_policy, parse_policy
from modelseal.formats.records import Operators
from modelseal.formats.trust import Trust
from modelseal.keys import SigningKey
from modelseal_registry import config, keyfiles, trustfiles
from modelseal_registry.config import Config, Place
from modelseal_registry.log import open_log
from modelseal_registry.sequencer import create_log
from modelseal_registry.store import open_store

HOLDER = "one key on the registry host, for trying out"


@dataclass(frozen=True, slots=True)
class Made:
    config: Config
    operator: str  # fingerprint
    fingerprint: bytes  # of the trust root

    @property
    def invitation(self) -> str:
        """What a client needs: `URL#sha256:HEX`."""
        return f"{self.config.url}#sha256:{self.fingerprint.hex()}"


def init(place: Place, origin: str) -> Made:
    """Make the registry *origin* in *place*, which must not exist or be empty."""
    try:
        names.origin(origin, "origin")
    except Malformed as e:
        raise Usage(str(e), hint="an origin is a URL without https://, in lower case: registry.example") from e
    with fresh_folder(place.dir) as beside:  # 1 2 6
        settings = config.defaults(beside, origin)
        operator, online = _keys(settings)  # 3
        leaf0 = _begin(settings, operator)  # 4
        fingerprint = _publish(settings, leaf0, operator, online)  # 5
    return Made(config.read(place), operator.public.fingerprint, fingerprint)


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


def _keys(settings: Config) -> tuple[SigningKey, SigningKey]:
    folder = settings.place.keys
    folder.mkdir(mode=0o700)
    platform.write_new(settings.place.registry_toml, config.encode(settings))
    keyfiles.create(folder / keyfiles.LOG)
    keyfiles.create(folder / keyfiles.COSIGNER)
    return keyfiles.create(folder / keyfiles.OPERATOR), keyfiles.create(folder / keyfiles.ONLINE)


def _begin(settings: Config, operator: SigningKey) -> bytes:
    """Make the log; return the hash of leaf 0."""
    record = Operators(settings.origin, 1, None, (operator.public.key,), 1, ())
    store = open_store(settings.place.database)
    try:
        create_log(store, records.encode_record(record), int(time.time()))
        with store.read() as tx:
            first = tx.leaf(0)
    finally:
        store.close()
    assert first is not None
    return merkle.leaf_hash(first)


def _publish(settings: Config, leaf0: bytes, operator: SigningKey, online: SigningKey) -> bytes:
    with open_log(settings) as log:
        signer = log.signer
        policy = parse_policy(encode_policy(signer.log, signer.own), signer.own)
        trust = Trust(settings.origin, leaf0, settings.max_age_s, policy, settings.url, (settings.url,), (HOLDER,))
        fingerprint = trustfiles.create(settings, trust, operator, online)
        log.sequencer(trustfiles.TrustFiles(settings)).start()
    return fingerprint
