"""Check a signature by another tool: did the holder of this key, or of this certificate, sign these very files?

    1 what the user gave: the key or the certificates, the signature, the path
    2 the signature is by that key, or by a certificate that leads to one of those given
    3 its statement: names and digests
    4 names and sizes, then digests
    5 compare

Whatever is wrong with the signature is a verdict, FAILED; whatever is wrong with the user's own files is an error.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from modelseal import layouts, platform, progress
from modelseal.errors import Error, Malformed, Refused, Unsupported, Usage
from modelseal.folders import Found, Listing
from modelseal.foreign import certificates, judge, statement, timestamps
from modelseal.foreign.bundle import CERTIFICATES, KEY, MAX_BUNDLE, SIGSTORE, Bundle
from modelseal.foreign.certificates import Leaf
from modelseal.foreign.judge import SignatureVerdict, Signer
from modelseal.foreign.keys import VerifyingKey
from modelseal.foreign.statement import Manifest
from modelseal.formats import envelope
from modelseal.hubcache import Snapshot
from modelseal.journeys import blake2b
from modelseal.journeys.digests import Hashed, Hashing, hashed
from modelseal.layouts import OneFile, Place
from modelseal.times import utc
from modelseal.values import dataclass
from modelseal.verdict import Finding, Word

MAX_CERTIFICATE_FILE = 1 << 20  # bytes
MAX_AHEAD_S = 60  # a timestamp may be ahead of our clock by this much


@dataclass(frozen=True, slots=True)
class Trusted:
    """What the user holds a signature against: a key, or certificates."""

    key: VerifyingKey | None = None
    given: tuple[Any, ...] = ()
    identity: str | None = None  # that the certificate must have
    unsafe_legacy: bool = False  # also what 0.2.0 wrote


def verify_signature(
    path: Path | str,
    signature: Path | str,
    *,
    key: Path | str | None = None,
    certificate_chain: Sequence[Path | str] = (),
    cert_identity: str | None = None,
    unsafe_legacy_0_2: bool = False,
    jobs: int | None = None,
    recheck: bool = False,
    quiet: bool = True,
    now: int | None = None,
) -> SignatureVerdict:
    """Return whether the file *signature* is valid for the folder or file *path*; it is true only if it is.

    Give either *key*, a public key in PEM, or *certificate_chain*, PEM files with the certificates that the signer's
    must lead to, and with it *cert_identity*, a name that it must have. The verdict says nothing about which repo the
    files are of. A certificate must be valid when the signature was made, as a timestamp in it proves by an authority
    that leads to one of *certificate_chain* too, else *now* (POSIX seconds). *unsafe_legacy_0_2* also reads what
    model_signing 0.2.0 wrote, whose encoding is not DSSE's. *jobs*: threads that hash. Digests of files that have not
    changed since they were hashed come from a cache, and the verdict says how many; *recheck* hashes all again.

        verdict = modelseal.verify_signature("./atlas-7b", "./atlas-7b/model.sig", key="signer.pub")
        if not verdict:
            raise SystemExit(f"{verdict.word}{verdict.says}")

    Raises Usage (path, key, certificates, options) or Error (the files changed meanwhile).
    """
    target, file = Path(path), Path(signature)
    trusted = _trusted(key, certificate_chain, cert_identity, unsafe_legacy_0_2)  # 1
    place = layouts.find(target)
    try:
        bundle = Bundle.parse(platform.read_file(file, MAX_BUNDLE, "signature", follow=True))
        signer, legacy = _signer(bundle, trusted, int(time.time()) if now is None else now)  # 2
        manifest = statement.parse_legacy(bundle.payload) if legacy else statement.parse(bundle.payload)  # 3
    except (Malformed, Refused) as e:
        return SignatureVerdict(Word.FAILED, f": {e}", hint=e.hint)
    return _files(place, file, manifest, signer, bundle, Hashing(jobs=jobs, recheck=recheck), quiet)  # 4, 5


def _trusted(key: Path | str | None, chain: Sequence[Path | str], identity: str | None, unsafe_legacy: bool) -> Trusted:
    if (key is None) == (not chain):
        raise Usage(
            "a signature is checked with a key or with certificates that you trust",
            hint="give --key PUB, or --certificate-chain FILE",
        )
    if key is not None:
        if identity is not None:
            raise Usage("--cert-identity is about certificates, and a key has no name", hint="leave it out with --key")
        return Trusted(load_key(Path(key)), unsafe_legacy=unsafe_legacy)
    given: list[Any] = []
    for one in chain:
        try:
            data = platform.read_file(Path(one), MAX_CERTIFICATE_FILE, "certificate file", follow=True)
            given += certificates.load_chain(data, str(one))
        except Malformed as e:
            raise Usage(str(e), hint="a certificate file begins with -----BEGIN CERTIFICATE-----") from e
    return Trusted(given=tuple(given), identity=identity, unsafe_legacy=unsafe_legacy)


def load_key(path: Path) -> VerifyingKey:
    """Return the public key in the PEM file at *path*, of any kind that may check a foreign signature."""
    try:
        data = platform.read_file(path, MAX_CERTIFICATE_FILE, "public key", follow=True)
        found = VerifyingKey.parse_pem(data.decode("ascii", "replace"), str(path))
        found.check_point(str(path))
    except Unsupported as e:
        raise Usage(str(e)) from e
    except Malformed as e:
        raise Usage(str(e), hint="a public key file begins with -----BEGIN PUBLIC KEY-----") from e
    return found


def _signer(bundle: Bundle, trusted: Trusted, now: int) -> tuple[Signer, bool]:
    """Return who signed, and whether it is a signature of 0.2.0; Refused if it is not valid."""
    if trusted.key is not None:
        if bundle.kind != KEY:
            raise Refused(f"it is signed with a {bundle.kind}, and not with a bare key", hint=_INSTEAD[bundle.kind])
        if bundle.hint is not None and bundle.hint != trusted.key.hint:
            raise Refused(f"it is by another key: its hint is {bundle.hint}, that of the key given {trusted.key.hint}")
        key, signer = trusted.key, by_key(trusted.key)
    else:
        if bundle.kind != CERTIFICATES:
            raise Refused(f"it is signed with a {bundle.kind}, not with a certificate", hint=_INSTEAD[bundle.kind])
        given = list(trusted.given)
        stamped = timestamps.proven(bundle.timestamps, bundle.signature, given)
        if stamped is not None and stamped.timestamp() > now + MAX_AHEAD_S:
            stamped = None  # nobody has signed anything tomorrow
        when = certificates.moment(now) if stamped is None else stamped
        leaf, key = certificates.check(bundle.certificates, given, when, stamped is not None, trusted.identity)
        signer = by_certificate(leaf, trusted.identity, stamped, len(bundle.timestamps))
    return signer, _check(key, bundle, trusted.unsafe_legacy)


_INSTEAD = {
    KEY: "give the public key with --key",
    CERTIFICATES: "give the certificates that you trust with --certificate-chain",
    SIGSTORE: "this program does not check Sigstore identities in foreign signatures; see who it says: modelseal show",
}


def _check(key: VerifyingKey, bundle: Bundle, unsafe_legacy: bool) -> bool:
    """Check the signature; return whether it is one of 0.2.0, which is tried only if the user said so."""
    if key.verifies(bundle.signature, envelope.pae(envelope.STATEMENT, bundle.payload)):
        return False
    legacy = statement.is_legacy(bundle.payload)
    if legacy and unsafe_legacy and key.verifies(bundle.signature, _broken_pae(bundle.payload), always_sha256=True):
        return True
    if legacy and not unsafe_legacy:
        raise Refused(
            "it looks like one of model_signing 0.2.0, whose encoding is unsafe and not read",
            hint="ask for a new one, or say --unsafe-legacy-0.2",
        )
    raise Refused(f"the signature does not verify with {key.fingerprint}")


def _broken_pae(payload: bytes) -> bytes:
    """Return what 0.2.0 signed: another first word than DSSE's, and the payload as Python prints bytes."""
    kind = envelope.STATEMENT
    return f"DSSEV1 {len(kind)} {kind} {len(payload)} {payload!r}".encode()


def by_key(key: VerifyingKey) -> Signer:
    value: dict[str, object] = {"kind": "key", "key": key.fingerprint, "algorithm": key.algorithm}
    return Signer(f"key {key.fingerprint}", (), value)


def by_certificate(leaf: Leaf, identity: str | None, stamped: datetime | None, stamps: int) -> Signer:
    until, signed = int(leaf.not_after.timestamp()), int(stamped.timestamp()) if stamped else None
    says = [
        ("subject", leaf.subject or "none"),
        ("issuer", leaf.issuer),
        ("names", ", ".join(leaf.identities) or "none"),
        ("until", f"{utc(until)}; whether it was revoked was not asked"),
    ]
    if signed is not None:
        says.append(("signed", f"{utc(signed)}, proven by a timestamp; the certificate was good then"))
    elif stamps:
        says.append(("note", f"no time of signing is proven: {stamps} timestamps, none by an authority that you gave"))
    if identity is None:
        says.append(("note", "any certificate below those given passes; --cert-identity NAME wants a certain one"))
    value: dict[str, object] = {"kind": "certificate", "certificate": leaf.fingerprint, "not_after": until}
    return Signer(leaf.who, tuple(says), {**value, "signed": signed})


def _files(
    place: Place, file: Path, manifest: Manifest, signer: Signer, bundle: Bundle, hashing: Hashing, quiet: bool
) -> SignatureVerdict:
    listing = _walk(place, manifest)
    # A single file is called what the user called it, also where that is a link to another name.
    single = place.path.name if isinstance(place.source, OneFile) else None
    at_hand = {single or found.name: found for found in listing.files}
    plan = judge.plan(
        manifest,
        {name: found.size for name, found in at_hand.items()},
        single=single,
        own=None if single else _own_name(file, place),
        ignored=listing.skipped,
        hub=listing.hub,
        problems=tuple(Finding(problem.kind, problem.name, found=problem.detail) for problem in listing.problems),
    )
    if plan.findings:  # FAILED whatever the files hold, and nobody waits to hear it
        return judge.compare(plan, {}, signer, bundle.digest)

    def compared(hashing: Hashing) -> SignatureVerdict:
        names = {name: at_hand[name].name for name in plan.to_hash}
        have, digests = _hash(listing, names, manifest.algorithm, hashing, quiet)
        if _walk(place, manifest) != listing:  # a download still running, or somebody at work
            raise Error(f"{place.path} changed while it was read")
        verdict = judge.compare(plan, digests, signer, bundle.digest)
        return replace(verdict, cached=have.cached, cached_since=have.since)

    verdict = compared(hashing)
    if not verdict and verdict.cached:  # nobody is accused on what was true some time ago
        verdict = compared(replace(hashing, recheck=True))
    return verdict


def _hash(
    listing: Listing, names: dict[str, str], algorithm: str, hashing: Hashing, quiet: bool
) -> tuple[Hashed, dict[str, bytes]]:
    """Return the digests of files by the signature's names, given the listing's *names* of them."""
    if algorithm == "blake2b":  # nobody else asks for it, and the cache does not know it
        files = [found for found in listing.files if found.name in names.values()]
        with progress.shown("hashing", sum(found.size for found in files), quiet=quiet) as step:
            other = blake2b.hash_files(listing, files, step)
        return Hashed({}), {name: other[here] for name, here in names.items()}
    have = hashed(listing, set(names.values()), frozenset({algorithm}), hashing, quiet=quiet)
    digests = {name: getattr(have.digests[here], algorithm) for name, here in names.items()}
    return have, {name: digest for name, digest in digests.items() if digest is not None}


def _walk(place: Place, manifest: Manifest) -> Listing:
    """Walk the place, and look also at names that are usually passed over where the signature lists them."""
    listing = place.walk()
    signed = [one.name for one in manifest.files if one.name.split("/")[0] in listing.skipped]
    if not signed:
        return listing
    found = list(listing.files)
    with listing.opener() as opener:
        for name in signed:
            try:
                descriptor = opener.open(name)
            except OSError:  # not there, or a link: it will be missing
                continue
            try:
                status = os.fstat(descriptor)
            finally:
                os.close(descriptor)
            if stat.S_ISREG(status.st_mode):
                found.append(Found.of(name, status))
    return replace(listing, files=tuple(sorted(found, key=lambda one: one.name)))


def _own_name(file: Path, place: Place) -> str | None:
    """Return the name of the signature itself below the folder, if it lies there."""
    root = place.source.path if isinstance(place.source, Snapshot) else place.path
    spelled = Path(os.path.realpath(file.parent), file.name)
    try:
        return spelled.relative_to(os.path.realpath(root)).as_posix()
    except ValueError:
        return None
