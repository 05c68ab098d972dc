"""The trust root as `init` makes it and `serve` keeps it fresh."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping

from modelseal.errors import Pending, Usage
from modelseal.formats.policy import encode_policy
from modelseal.formats.trust import Trust, encode_registry, parse_trust
from modelseal.keys import SigningKey
from modelseal.root.saved import POLICY, REGISTRY
from modelseal_registry import keyfiles, trustroot
from modelseal_registry.config import Config, Place


def contents(trust: Trust) -> dict[str, bytes]:
    """Return the two targets of a registry without independent witnesses."""
    return {POLICY: encode_policy(trust.policy.log, trust.policy.own), REGISTRY: encode_registry(trust)}


def create(settings: Config, trust: Trust, operator: SigningKey, online: SigningKey) -> bytes:
    """Make the TUF repository; return the fingerprint of its root."""
    told = contents(trust)
    first = trustroot.create(
        settings.place.trust,
        operator_key=operator.private,
        online_key=online.private,
        policy=told[POLICY],
        registry=told[REGISTRY],
        now=int(time.time()),
    )
    return hashlib.sha256(first).digest()


class TrustFiles:
    """Asked at each publication: signs timestamp and snapshot again at half of their time."""

    def __init__(self, settings: Config) -> None:
        self._place = settings.place
        keyfiles.load(self._place.keys / keyfiles.ONLINE)  # that it is wrong is better said now than in 3 days

    def __call__(self) -> Mapping[str, bytes]:
        trustroot.resign(self._place.trust, lambda: [key.private for key in online(self._place)], int(time.time()))
        return trustroot.files(self._place.trust)


def online(place: Place) -> list[SigningKey]:
    """Return the online keys in *place*: the one in force, and while it is drafted or put in place, the next one."""
    paths = [place.keys / name for name in (keyfiles.ONLINE, keyfiles.NEXT_ONLINE)]
    return [keyfiles.load(path) for path in paths if path.exists()]


def read(settings: Config) -> tuple[Trust, bytes]:
    """Return what clients are told, and the fingerprint of the newest root; Usage if the settings say otherwise,
    Pending if nothing is published yet."""
    place = settings.place
    if not trustroot.is_published(place.trust) and place.draft.exists():
        program = f"modelseal-registry --dir {place.dir} policy"
        raise Pending(
            f"{settings.origin}: its operators have not signed the trust root, so nobody can trust it yet",
            hint=f"{program} show; each operator: {program} sign --key FILE; then: {program} publish",
        )
    files = trustroot.files(settings.place.trust)
    roots = [data for path, data in files.items() if path.endswith(".root.json")]
    fingerprint = hashlib.sha256(roots[-1]).digest()
    policy, registry = (_target(files, name) for name in ("policy", "registry.json"))
    trust = parse_trust(policy, registry)
    check(settings, trust)
    return trust, fingerprint


def check(settings: Config, trust: Trust) -> None:
    """Raise Usage if the settings differ from what clients are told."""
    for name, mine, signed in (
        ("origin", settings.origin, trust.origin),
        ("url", settings.url, trust.url),
        ("max_age_s", settings.max_age_s, trust.max_age),
    ):
        if mine != signed:
            raise Usage(
                f"registry.toml: {name} is {mine}, the signed trust root says {signed}",
                hint="to tell clients: modelseal-registry policy renew, sign, publish",
            )


def _target(files: Mapping[str, bytes], name: str) -> bytes:
    return next(data for path, data in files.items() if path.startswith("trust/targets/") and path.endswith("." + name))
