"""Say what a signature by another tool says about itself, and who could check it. Nothing is verified."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

from modelseal.errors import Malformed
from modelseal.foreign import certificates, statement
from modelseal.foreign.bundle import CERTIFICATES, KEY, Bundle
from modelseal.foreign.certificates import Leaf
from modelseal.foreign.statement import Manifest
from modelseal.journeys.show import Unverified
from modelseal.times import utc

_MAX_IGNORED = 20  # names of a signer's ignore list that are shown


def describe(path: Path, data: bytes) -> Unverified:
    """Return what the signature *data* says; Malformed if it is none."""
    bundle = Bundle.parse(data)
    legacy = statement.is_legacy(bundle.payload)
    manifest = statement.parse_legacy(bundle.payload) if legacy else statement.parse(bundle.payload)
    says = [("payload", f"sha256:{bundle.digest}"), ("method", bundle.kind), *_who(bundle)]
    says += [("written", "by model_signing 0.2.0, in its unsafe encoding")] if legacy else []
    says += _rest(bundle, manifest)
    says.append(("check", _command(path, bundle, legacy)))
    files = tuple((file.name, file.size, file.digest.hex()) for file in manifest.files)
    about = manifest.name if manifest.name is not None else "of a model without a name"
    return Unverified(path, "signature of another tool", about, tuple(says), files, algorithm=manifest.algorithm)


def _who(bundle: Bundle) -> list[tuple[str, str]]:
    """Whose it is, it says."""
    if bundle.kind == KEY:
        # Before 1.1.0 the key itself stood there, as PEM text; its hint is the hash of that text.
        hint = bundle.hint or (hashlib.sha256(bundle.legacy_key).hexdigest() if bundle.legacy_key else None)
        return [("key", f"one with the hint {hint}" if hint else "it does not say which")]
    try:
        leaf = certificates.read(bundle.certificates[0])
    except Malformed as e:
        return [("signer", str(e))]
    return _certificate(leaf)


def _certificate(leaf: Leaf) -> list[tuple[str, str]]:
    from_, until = int(leaf.not_before.timestamp()), int(leaf.not_after.timestamp())
    says = [("signer", name) for name in leaf.identities] or [("signer", leaf.subject or "without a name")]
    if leaf.oidc_issuer is not None:
        says.append(("known to", leaf.oidc_issuer))
    says += [("subject", leaf.subject)] if leaf.subject and leaf.identities else []
    says += [("issuer", leaf.issuer), ("valid", f"{utc(from_)} to {utc(until)}"), ("cert", leaf.fingerprint)]
    return says


def _rest(bundle: Bundle, manifest: Manifest) -> list[tuple[str, str]]:
    says = []
    if bundle.log_entries:
        says.append(("log", f"{bundle.log_entries} log entries, not looked at"))
    if bundle.timestamps:
        says.append(("times", f"{len(bundle.timestamps)} signed timestamps, not looked at"))
    if manifest.ignored:
        shown = ", ".join(manifest.ignored[:_MAX_IGNORED])
        more = len(manifest.ignored) - _MAX_IGNORED
        says.append(("ignores", shown + (f" and {more} more" if more > 0 else "")))
    return says


def _command(path: Path, bundle: Bundle, legacy: bool) -> str:
    """Return what somebody types who has what it takes to check it."""
    line = f"modelseal verify PATH --signature {shlex.quote(str(path))}"
    more = " --unsafe-legacy-0.2" if legacy else ""
    if bundle.kind == KEY:
        return f"whoever has that public key: {line} --key PUB{more}"
    if bundle.kind == CERTIFICATES:
        return f"whoever trusts a certificate above it: {line} --certificate-chain FILE{more}"
    return "a tool that checks Sigstore identities, such as: model_signing verify sigstore"
