"""Vectors of public keys, signatures and seals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from modelseal.formats import envelope, strict
from modelseal.formats.envelope import Bundle
from modelseal.formats.manifest import Statement, fileset, weights
from modelseal.formats.records import Release, parse_record
from tests.support import make
from tests.support.make import P256_ORDER, Private
from tests.support.vectors import Vector, vector
from tests.vectors import small

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
MESSAGE = "a message"
P256_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
ED25519_HEAD = bytes.fromhex("302a300506032b6570032100")
SMALL_ORDER = {
    "y is 0, of order 4": 0,
    "y is 1, the neutral point": 1,
    "y is p - 1, of order 2": P - 1,
    "of order 8": int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    ),
    "of order 8, the other": int.from_bytes(
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
    ),
}
RSA_2048 = rsa.RSAPublicNumbers(
    65537, int.from_bytes(hashlib.shake_256(b"no modulus of anybody's").digest(256)) | 1 | 1 << 2047
)


def _spki(public: Any, point: PublicFormat | None = None) -> bytes:
    return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _ed25519(y: int, sign: int = 0) -> bytes:
    return ED25519_HEAD + (y | sign << 255).to_bytes(32, "little")


def make_keys() -> Iterator[Vector]:
    p256, ed25519 = small.PUBLISHER, small.OPERATOR
    message = MESSAGE.encode()
    over_p256, over_ed25519 = p256.sign(message), ed25519.sign(message)

    def case(phrase: str, expect: str, spki: bytes, signature: bytes, signer: Private | None = None) -> Vector:
        headers = [("message", MESSAGE), ("signature", strict.to_base64(signature))]
        if signer is not None:
            headers += [
                ("algorithm", signer.public.algorithm),
                ("fingerprint", hashlib.sha256(spki).hexdigest()),
                ("hint", signer.public.hint),
            ]
        return vector("keys", phrase, expect, spki, headers)

    spki, edspki = p256.public.spki, ed25519.public.spki
    x, y = spki[27:59], spki[59:]
    r, s = decode_dss_signature(over_p256)
    yield case("P-256", "ok", spki, over_p256, p256)
    yield case("P-256, with the other s", "ok", spki, encode_dss_signature(r, P256_ORDER - s), p256)
    yield case("Ed25519", "ok", edspki, over_ed25519, ed25519)
    yield case("P-256, over another message", "refused", spki, p256.sign(b"another"))
    yield case("P-256, r and s without DER", "refused", spki, r.to_bytes(32) + s.to_bytes(32))
    yield case("P-256, DER with something behind", "refused", spki, over_p256 + b"\0")
    long_form = b"\x30\x81" + over_p256[1:]
    yield case("P-256, DER with a length in long form", "refused", spki, long_form)
    padded = bytes([0x30, over_p256[1] + 1, 2, over_p256[3] + 1, 0]) + over_p256[4:]
    yield case("P-256, DER with a zero in front of r", "refused", spki, padded)
    yield case("P-256, s is zero", "refused", spki, encode_dss_signature(r, 0))
    yield case("P-256, s plus the order", "refused", spki, encode_dss_signature(r, s + P256_ORDER))
    yield case("P-256, no signature", "refused", spki, b"")
    yield case("Ed25519, over another message", "refused", edspki, ed25519.sign(b"another"))
    yield case("Ed25519, 63 bytes", "refused", edspki, over_ed25519[:-1])
    yield case("Ed25519, 65 bytes", "refused", edspki, over_ed25519 + b"\0")
    big_s = over_ed25519[:32] + (int.from_bytes(over_ed25519[32:], "little") + L).to_bytes(32, "little")
    yield case("Ed25519, s plus the order", "refused", edspki, big_s)
    yield case("a signature of the other algorithm", "refused", edspki, over_p256)

    compressed = bytes([2 + y[-1] % 2]) + x
    short = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + compressed
    yield case("P-256 with a compressed point, a twin of the same key", "malformed", short, over_p256)
    hybrid = P256_HEAD + bytes([6 + y[-1] % 2]) + x + y
    yield case("P-256 with a hybrid point", "malformed", hybrid, over_p256)
    off = spki[:-1] + bytes([spki[-1] ^ 1])
    yield case("P-256, a point off the curve", "malformed", off, over_p256)
    yield case(
        "P-256, the point at infinity", "malformed", P256_HEAD[:1] + b"\x19" + P256_HEAD[2:-2] + b"\x02\0\0", b""
    )
    yield case("P-256, x is not below p", "malformed", spki[:27] + b"\xff" * 32 + y, over_p256)
    unnamed = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030106034200") + spki[26:]
    yield case("a curve of another name", "malformed", unnamed, over_p256)
    p384 = ec.derive_private_key(7, ec.SECP384R1())
    yield case("P-384", "malformed", _spki(p384.public_key()), over_p256)
    yield case("secp256k1", "malformed", _spki(ec.derive_private_key(7, ec.SECP256K1()).public_key()), over_p256)
    yield case("RSA", "malformed", _spki(RSA_2048.public_key()), over_p256)
    yield case("something behind the key", "malformed", spki + b"\0", over_p256)
    yield case("a byte too few", "malformed", spki[:-1], over_p256)
    yield case("P-256 with a length in long form", "malformed", b"\x30\x81" + spki[1:], over_p256)
    yield case("nothing", "malformed", b"", over_p256)
    yield case("the 32 bytes of Ed25519 alone", "malformed", edspki[12:], over_ed25519)
    with_null = bytes.fromhex("302c300706032b65700500032100") + edspki[12:]
    yield case("Ed25519 with parameters", "malformed", with_null, over_ed25519)
    yield case("X25519", "malformed", edspki[:8] + b"\x6e" + edspki[9:], over_ed25519)
    # R is the neutral point and s is 0: it verifies for every message under a key of small order.
    forged = _ed25519(1)[12:] + bytes(32)
    for phrase, point in SMALL_ORDER.items():
        for sign in (0, 1):
            marked = phrase + (", top bit set" if sign else "")
            yield case(f"Ed25519, {marked}", "malformed", _ed25519(point, sign), forged)
    yield case("Ed25519, y is p, so 0 once more", "malformed", _ed25519(P), forged)
    yield case("Ed25519, y is p plus 1, so 1 once more", "malformed", _ed25519(P + 1), forged)
    yield case("Ed25519, y is p plus 3, not canonical", "malformed", _ed25519(P + 3), forged)
    yield case("Ed25519, y is the largest, not canonical", "malformed", _ed25519(2**255 - 1, 1), forged)


Change = Callable[[dict[str, Any]], Any]


def make_seals() -> Iterator[Vector]:
    good = make.seal(small.PUBLISHER, small.REPO, small.REVISION, small.files(), created=small.START + 100)
    statement = Statement.parse(Bundle.parse(good).payload)

    def sealed(payload: bytes, by: Private = small.PUBLISHER) -> str:
        return Bundle(payload, by.sign(envelope.pae(envelope.STATEMENT, payload)), by.public.hint).encode()

    def case(phrase: str, expect: str, bundle: str, release: str | None = None, by: Private | None = None) -> Vector:
        headers = []
        if release is not None:
            signer = (by or small.PUBLISHER).public
            headers = [("release", release), ("signer", strict.to_base64(signer.spki))]
        if expect == "ok":
            payload = Bundle.parse(bundle).payload
            found = Statement.parse(payload)
            headers += [
                ("repo", found.repo), ("revision", found.revision), ("seal", hashlib.sha256(payload).hexdigest()),
                ("bundle", hashlib.sha256(bundle.encode()).hexdigest()), ("fileset", fileset(found.files).hex()),
                *(("weight", one.hex()) for one in weights(found.files)),
            ]  # fmt: skip
        return vector("seals", phrase, expect, bundle, headers)

    def changed_bundle(change: Change) -> str:
        value = strict.loads(good, "")
        change(value)
        return strict.encode(value)

    def changed_statement(change: Change) -> str:
        value = strict.loads(statement.encode().decode(), "")
        change(value)
        return sealed(strict.encode(value).encode())

    release = make.release(good, small.PUBLISHER)
    yield case("the seal of FORMAT.md", "ok", good, release)
    whole = replace(
        statement,
        files=tuple(replace(f, blake3=bytes(32), gitoid="0" * 40) for f in statement.files),
        license="apache-2.0",
        base_model="hf://acme-lab/base",
    )
    yield case("with blake3, gitoid, license and base model", "ok", sealed(whole.encode()))
    ed25519 = make.seal(small.OPERATOR, small.REPO, small.REVISION, small.files())
    yield case("by an Ed25519 key", "ok", ed25519, make.release(ed25519, small.OPERATOR), small.OPERATOR)
    many = tuple(make.file(f"{n:02d}.bin", b"x" * (20 - n)) for n in range(18))
    yield case("18 weight files, of which the 16 largest count", "ok", sealed(replace(statement, files=many).encode()))
    twins = tuple(make.file(f"{n}.{kind}", b"same") for n, kind in enumerate(("bin", "pt", "BIN", "txt")))
    yield case("two weight files of the same contents", "ok", sealed(replace(statement, files=twins).encode()))

    again = sealed(statement.encode())
    other = Private(small.PUBLISHER.secret, small.PUBLISHER.public)
    r, s = decode_dss_signature(Bundle.parse(again).signature)
    malleable = replace(Bundle.parse(again), signature=encode_dss_signature(r, P256_ORDER - s)).encode()
    yield case("the same payload in another bundle", "refused", malleable, release)
    yield case("the release of another seal", "refused", good, make.release(ed25519, other))
    stranger = sealed(statement.encode(), small.COSIGNER)
    yield case("signed by another key than the release names", "refused", stranger, release, small.COSIGNER)
    wrong = replace(Bundle.parse(good), signature=small.PUBLISHER.sign(b"another")).encode()
    yield case("a signature over something else", "refused", wrong, make.release(wrong, small.PUBLISHER))
    for field, value in (
        ("repo", "hf://acme-lab/atlas-13b"), ("revision", "0" * 40), ("files", 3), ("total_bytes", 17),
        ("fileset", "0" * 64), ("weights", []), ("seal", "0" * 64), ("bundle", "0" * 64), ("bundle_size", 1),
    ):  # fmt: skip
        bad = make.release(good, small.PUBLISHER, **{field: value})
        yield case(f"the release has another {field}", "refused", good, bad)
    hinted = replace(Bundle.parse(good), hint="0" * 64).encode()
    yield case("the hint of another key", "refused", hinted, make.release(hinted, small.PUBLISHER))

    bundles: dict[str, Change] = {
        "an unknown field": lambda b: b.update(extra=1),
        "an unknown field of the envelope": lambda b: b["dsseEnvelope"].update(extra=1),
        "an unknown field of the signature": lambda b: b["dsseEnvelope"]["signatures"][0].update(extra=1),
        "another media type": lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.3"),
        "another payload type": lambda b: b["dsseEnvelope"].update(payloadType="text/plain"),
        "two signatures": lambda b: b["dsseEnvelope"]["signatures"].append(b["dsseEnvelope"]["signatures"][0]),
        "no signature": lambda b: b["dsseEnvelope"]["signatures"].clear(),
        "a key id": lambda b: b["dsseEnvelope"]["signatures"][0].update(keyid="a"),
        "no key id": lambda b: b["dsseEnvelope"]["signatures"][0].pop("keyid"),
        "an entry of a transparency log": lambda b: b["verificationMaterial"]["tlogEntries"].append({}),
        "no list of log entries": lambda b: b["verificationMaterial"].pop("tlogEntries"),
        "a hint in upper case": lambda b: b["verificationMaterial"]["publicKey"].update(hint="A" * 64),
        "raw bytes of a key": lambda b: b["verificationMaterial"]["publicKey"].update(rawBytes="AAAA"),
        "base64 without padding": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig="AAA"),
        "base64 with spare bits": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig="AAB="),
        "base64 of URLs": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig="__8="),
        "base64 with a line feed": lambda b: b["dsseEnvelope"]["signatures"][0].update(sig="AAAA\n"),
        "a payload that is no statement": lambda b: b["dsseEnvelope"].update(payload="e30="),
        "an empty payload": lambda b: b["dsseEnvelope"].update(payload=""),
    }  # fmt: skip
    for phrase, change in bundles.items():
        yield case(phrase, "malformed", changed_bundle(change))
    yield case("a line feed at the end", "malformed", good + "\n")
    yield case("keys in another order", "malformed", good.replace('{"dsse', '{"a":1,"dsse'))

    def claims(s: dict[str, Any]) -> dict[str, Any]:
        return dict(s["subject"][0]["annotations"])["modelseal"]  # type: ignore[no-any-return]

    def first(s: dict[str, Any]) -> dict[str, Any]:
        return s["predicate"]["resources"][0]  # type: ignore[no-any-return]

    statements: dict[str, Change] = {
        "statement: an unknown field": lambda s: s.update(extra=1),
        "statement: an unknown field of the subject": lambda s: s["subject"][0].update(extra=1),
        "statement: an unknown annotation": lambda s: claims(s).update(extra=1),
        "statement: a second annotation": lambda s: s["subject"][0]["annotations"].update(other={}),
        "statement: an unknown field of a file": lambda s: first(s).update(extra=1),
        "statement: another type": lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"),
        "statement: another predicate": lambda s: s.update(predicateType="https://model_signing/signature/v1.1"),
        "statement: two subjects": lambda s: s["subject"].append(s["subject"][0]),
        "statement: no subject": lambda s: s["subject"].clear(),
        "statement: no files": lambda s: s["predicate"]["resources"].clear(),
        "statement: files not sorted": lambda s: s["predicate"]["resources"].reverse(),
        "statement: a file twice": lambda s: s["predicate"]["resources"].append(s["predicate"]["resources"][-1]),
        "statement: a file name that leaves the folder": lambda s: first(s).update(name="../README.md"),
        "statement: an ignored name": lambda s: first(s).update(name=".gitattributes"),
        "statement: the root of other files": lambda s: s["subject"][0]["digest"].update(sha256="0" * 64),
        "statement: another commit": lambda s: s["subject"][0]["digest"].update(gitCommit="0" * 40),
        "statement: the name of another repo": lambda s: s["subject"][0].update(name="atlas-13b"),
        "statement: the address of another repo": lambda s: s["subject"][0].update(uri="hf://a/b@" + "0" * 40),
        "statement: links allowed": lambda s: s["predicate"]["serialization"].update(allow_symlinks=True),
        "statement: one more path to ignore": lambda s: s["predicate"]["serialization"]["ignore_paths"].append("x.py"),
        "statement: paths to ignore in another order":
            lambda s: s["predicate"]["serialization"]["ignore_paths"].reverse(),
        "statement: shards": lambda s: s["predicate"]["serialization"].update(method="shards"),
        "statement: a digest in upper case": lambda s: first(s).update(digest="A" * 64),
        "statement: another algorithm": lambda s: first(s).update(algorithm="blake2b"),
        "statement: a size below zero": lambda s: first(s).update(size=-1),
        "statement: a size as text": lambda s: first(s).update(size="8"),
        "statement: no size": lambda s: first(s).pop("size"),
        "statement: blake3 is null": lambda s: first(s).update(blake3=None),
        "statement: gitoid is null": lambda s: first(s).update(gitoid=None),
        "statement: license is null": lambda s: claims(s).update(license=None),
        "statement: a license of 201 characters": lambda s: claims(s).update(license="a" * 201),
        "statement: created is text": lambda s: claims(s).update(created="now"),
        "statement: a scope instead of a repo": lambda s: claims(s).update(repo="hf://acme-lab/*"),
        "statement: a branch instead of a commit": lambda s: claims(s).update(revision="main"),
    }  # fmt: skip
    for phrase, change in statements.items():
        yield case(phrase, "malformed", changed_statement(change))
    newer = changed_statement(lambda s: claims(s).update(v=2))
    yield case("statement: version 2", "unsupported", newer)
    spaced = statement.encode().replace(b'":', b'": ')
    yield case("statement: with spaces", "malformed", sealed(spaced))
    assert isinstance(parse_record(release), Release)


def make_vectors() -> Iterator[Vector]:
    yield from make_keys()
    yield from make_seals()
