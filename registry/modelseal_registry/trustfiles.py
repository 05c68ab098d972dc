"""The trust root as `init` makes it and `serve` keeps it fresh."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping

from modelseal.errors import Usage
from modelseal.formats.policy import encode_policy
from modelseal.formats.trust import Trust, encode_registry, parse_trust
from modelseal.keys import SigningKey
from modelseal_registry import keyfiles, trustroot
from modelseal_registry.config import Config


def create(settings: Config, trust: Trust, operator: SigningKey, online: SigningKey) -> bytes:
    """Make the TUF repository; return the fingerprint of its root."""
    first = trustroot.create(
        settings.place.trust,
        operator_key=operator.private,
        online_key=online.private,
        policy=encode_policy(trust.policy.log, trust.policy.own),
        registry=encode_registry(trust),
        now=int(time.time()),
    )
    return hashlib.sha256(first).digest()


class TrustFiles:
    """Asked at each publication: signs timestamp and snapshot again at half of their time."""

    def __init__(self, settings: Config) -> None:
        self._folder = settings.place.trust
        self._online = keyfiles.load(settings.place.keys / keyfiles.ONLINE)

    def __call__(self) -> Mapping[str, bytes]:
        trustroot.resign(self._folder, self._online.private, int(time.time()))
        return trustroot.files(self._folder)


def read(settings: Config) -> tuple[Trust, bytes]:
    """Return what clients are told, and the fingerprint of the newest root; Usage if the settings say otherwise."""
    files = trustroot.files(settings.place.trust)
    roots = [data for path, data in files.items() if path.endswith(".root.json")]
    fingerprint = hashlib.sha256(roots[-1]).digest()
    policy, registry = (_target(files, name) for name in ("policy", "registry.json"))
    trust = parse_trust(policy, registry)
    for name, mine, signed in (
        ("origin", settings.origin, trust.origin),
        ("url", settings.url, trust.url),
        ("max_age_s", settings.max_age_s, trust.max_age),
    ):
        if mine != signed:
            raise Usage(f"registry.toml: {name} is {mine}, the signed trust root says {signed}")
    return trust, fingerprint


def _target(files: Mapping[str, bytes], name: str) -> bytes:
    return next(data for path, data in files.items() if path.startswith("trust/targets/") and path.endswith("." + name))
