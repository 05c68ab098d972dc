"""What a trust root must agree with before it is published: the log's operators, this registry's keys, the quorum."""

from __future__ import annotations

from collections.abc import Sequence

from modelseal.errors import Refused, Usage
from modelseal.formats import index
from modelseal.formats.identity import Key
from modelseal.formats.trust import Trust
from modelseal.keytext import PublicKey
from modelseal_registry import append, policyview, trustdraft
from modelseal_registry.config import Config, Place
from modelseal_registry.emitter import read_published
from modelseal_registry.log import load_signer
from modelseal_registry.store import open_store
from modelseal_registry.trial import Trials
from modelseal_registry.trustdraft import Roles


def _operators(settings: Config) -> tuple[frozenset[Key], int, dict[Key, PublicKey]]:
    """Return the newest operators of the log, their threshold, and the public keys that its leaves show."""
    store = open_store(settings.place.database)
    try:
        with store.read() as tx:
            record = Trials(settings.origin).state(tx, None, None).operators
            leaves = [append.read_leaf(tx, at) for at in tx.listed("records", index.OPERATORS)]
    finally:
        store.close()
    assert record is not None
    shown = [PublicKey.parse(entry.key) for leaf in leaves for entry in leaf.signatures]
    return frozenset(record.keys), record.threshold, {key.key: key for key in shown}


def check_operators(settings: Config, roles: Roles) -> None:
    keys, threshold, _ = _operators(settings)
    if (keys, threshold) != (frozenset(key.key for key in roles.operators), roles.threshold):
        raise Refused(
            f"the log has other operators ({threshold} of {len(keys)}) than the trust root",
            hint="modelseal-registry policy renew [--operator PUB ...]",
        )


def logged(
    settings: Config, known: Sequence[PublicKey], given: Sequence[PublicKey]
) -> tuple[tuple[PublicKey, ...], int]:
    """Return the log's operators as a root wants them: whole public keys. Refused if one of *given* is none of them."""
    keys, threshold, shown = _operators(settings)
    for key in given:
        if key.key not in keys:
            raise Refused(f"{key.fingerprint} is no operator by the log: the trust root has the log's operators")
    shown |= {key.key: key for key in (*known, *given)}
    if lacks := sorted(f"SHA256:{key.sha256.hex()}" for key in keys - set(shown)):
        raise Usage(
            f"the log has only the fingerprint of {', '.join(lacks)}", hint="give the key with --operator FILE.pub"
        )
    return trustdraft.ordered([shown[key] for key in keys]), threshold


def check_log(settings: Config, trust: Trust) -> None:
    signer = load_signer(settings)
    for what, mine, told in (("log key", signer.log, trust.policy.log), ("cosigner", signer.own, trust.policy.own)):
        if mine != told:
            raise Refused(
                f"the draft names another {what} than this registry has: {told.encode()}, not {mine.encode()}"
            )


def check_cosigned(place: Place, trust: Trust) -> None:
    policy, published = trust.policy, read_published(place.public)
    count = policyview.cosigned(published.note, policy) if published else 0
    if count < policy.quorum:
        raise Refused(
            f"{count} of {policy.quorum} mirrors have cosigned what is published: for clients nothing would count",
            hint="publish when they have; or say that you know it with --ahead",
        )
