"""Signatures that are no good: files that differ, keys and certificates that do not fit, and texts that are malformed.

Malformed statements are validly signed: else the signature would be refused and nothing behind it be tested.
"""

from __future__ import annotations

import base64
import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from modelseal.errors import Malformed
from modelseal.foreign import statement
from modelseal.foreign.bundle import Bundle
from tests.support import oms
from tests.support.client import Ran
from tests.support.person import Person

FILES = {"config.json": b"{}", "model.safetensors": b"weights"}
ANA = oms.key("P-384")
ROOT = oms.Authority()
BETWEEN = oms.Authority("Example Intermediate", ROOT)
GOOD = oms.sign(ANA, FILES)
KEY, CHAIN = ("--key", "ana.pub"), ("--certificate-chain", "root.pem")


@pytest.fixture
def folder(stranger: Person) -> Path:
    (stranger.here / "ana.pub").write_bytes(oms.public_pem(ANA))
    (stranger.here / "root.pem").write_bytes(ROOT.pem)
    return stranger.model("atlas-7b", FILES)


def verify(person: Person, signature: bytes, *how: str) -> Ran:
    (person.here / "a.sig").write_bytes(signature)
    return person.types("verify", "./atlas-7b", "--signature", "a.sig", *(how or KEY))


def refused(person: Person, signature: bytes, *words: str, how: tuple[str, ...] = ()) -> None:
    how = how or KEY
    assert verify(person, signature, *how).says(1, *words).out.startswith("FAILED ./atlas-7b: ")
    found = verify(person, signature, *how, "--json")
    assert (found.json["verdict"], found.json["exit"], found.json["use"]) == ("failed", 1, "no")


# files


def _link(folder: Path) -> None:
    (folder / "config.json").rename(folder.parent / "c")
    (folder / "config.json").symlink_to(folder.parent / "c")


FILE_CASES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "a changed file": (lambda f: (f / "config.json").write_bytes(b"[]"), ("1 file differs", "expected sha256:")),
    "a missing file": (lambda f: (f / "config.json").unlink(), ("1 file is missing", "missing:  config.json")),
    "an added program": (lambda f: (f / "loader.py").touch(), ("1 file was added", "loader.py (program), not in the")),
    "a renamed file": (lambda f: (f / "config.json").rename(f / "c.json"), ("1 file is missing, 1 file was added",)),
    "a link": (_link, ("config.json", "a link")),
    "a hidden file": (lambda f: (f / ".x").touch(), ("added:    .x",)),
}


@pytest.mark.parametrize("case", FILE_CASES)
def test_files_that_are_not_the_signed_ones(stranger: Person, folder: Path, case: str) -> None:
    act, words = FILE_CASES[case]
    act(folder)
    refused(stranger, GOOD, *words)


@pytest.mark.parametrize("ignored", [["loader.py"], ["sub"], ["."], ["sub/", "loader.py"]])
def test_a_signers_own_list_of_ignored_paths_is_never_believed(
    stranger: Person, folder: Path, ignored: list[str]
) -> None:
    stranger.model("atlas-7b", {"loader.py": b"", "sub/start.bat": b""})
    data = oms.sign(ANA, FILES, ignored=ignored)
    refused(stranger, data, "2 files were added", "the signer asks to ignore", "is never believed")


# keys


def _compressed(kind: str) -> bytes:
    point: bytes = oms.key(kind).public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return point


def _pem(der: bytes) -> bytes:
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END PUBLIC KEY-----\n"


P256_COMPRESSED = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + _compressed("P-256")
P384_COMPRESSED = bytes.fromhex("3046301006072a8648ce3d020106052b81040022033200") + _compressed("P-384")
P384_HEAD = bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200" + "04")
WRONG_KEYS = {
    "RSA": (oms.public_pem(oms.key("RSA")), "an RSA key, and RSA signatures are not accepted"),
    "secp256k1": (oms.public_pem(oms.key("secp256k1")), "a key on the curve secp256k1"),
    "a compressed P-256 key": (_pem(P256_COMPRESSED), "a compressed or unusual encoding"),
    "a compressed P-384 key": (_pem(P384_COMPRESSED), "a compressed or unusual encoding"),
    "a point off the curve": (_pem(P384_HEAD + b"\1" * 96), "no point of its curve"),
    "an Ed25519 key of small order": (_pem(bytes.fromhex("302a300506032b6570032100") + b"\0" * 32), "small order"),
    "a private key": (oms.private_pem(ANA), "not a public key in PEM"),
    "a certificate": (ROOT.pem, "not a public key in PEM"),
    "nothing": (b"", "not a public key in PEM"),
    "noise": (b"\xff\0", "not a public key in PEM"),
    "two megabytes": (b"\0" * (2 << 20), "2097152 bytes, allowed are 1048576"),
}


@pytest.mark.parametrize("case", WRONG_KEYS)
def test_keys_that_are_none_or_of_a_wrong_kind_are_the_users_mistake(stranger: Person, folder: Path, case: str) -> None:
    text, words = WRONG_KEYS[case]
    (stranger.here / "other.pub").write_bytes(text)
    assert verify(stranger, GOOD, "--key", "other.pub").says(2, words).out == ""


def test_another_key_is_named_by_its_hint_and_found_out_without(stranger: Person, folder: Path) -> None:
    bob = oms.key("P-384", "bob")
    refused(stranger, oms.sign(bob, FILES), "it is by another key: its hint is ", ", that of the key given ")
    refused(stranger, oms.sign(bob, FILES, "1.0.1"), "the signature does not verify with SHA256:")
    value = json.loads(oms.sign(bob, FILES))
    value["verificationMaterial"] = json.loads(GOOD)["verificationMaterial"]
    refused(stranger, oms.encode(value), "the signature does not verify with SHA256:")
    for other in ("P-256", "Ed25519"):
        refused(stranger, oms.sign(oms.key(other), FILES, "1.0.1"), "the signature does not verify")


def test_a_key_in_the_bundle_is_never_believed(stranger: Person, folder: Path) -> None:
    value = json.loads(oms.sign(oms.key("P-384", "bob"), FILES, "1.0.1"))
    value["verificationMaterial"] = oms.material(ANA, "1.0.1")
    refused(stranger, oms.encode(value), "the signature does not verify")
    value = json.loads(oms.sign(ANA, FILES, "1.0.1"))
    value["verificationMaterial"] = oms.material(oms.key("P-384", "bob"), "1.0.1")
    verify(stranger, oms.encode(value)).says(0, "SIGNATURE VALID")


def test_a_method_is_not_taken_for_another(stranger: Person, folder: Path) -> None:
    chained = oms.sign(ANA, FILES, chain=[ROOT.issue(ANA)])
    refused(stranger, chained, "signed with a certificate chain, and not with a bare key", "--certificate-chain")
    refused(stranger, GOOD, "signed with a key, not with a certificate", "--key", how=CHAIN)


# certificates: the chain in the bundle, and the words

NAMESAKE = oms.Authority(kind="P-256")  # of the same name, with another key
SERVER, TIME = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.TIME_STAMPING
SHORT = oms.Authority("Short", ROOT, path_length=0)
BELOW_SHORT = oms.Authority("Below Short", SHORT)
STRANGER = oms.Authority("Another Root", kind="P-521")


def _issued_by(leaf: x509.Certificate) -> oms.Authority:
    """Somebody whose certificate is no authority's, and who issues all the same."""
    found = copy.copy(ROOT)
    found.secret, found.certificate = oms.key("P-256", "leaf"), leaf
    return found


LEAF = ROOT.issue(oms.key("P-256", "leaf"), "Not an authority")
EXPIRED_BETWEEN = oms.Authority("Expired Between", ROOT, days=(-9, -2))
CHAINS: dict[str, tuple[list[x509.Certificate], str]] = {
    "expired": ([ROOT.issue(ANA, days=(-9, -1))], "the certificate expired on"),
    "not yet valid": ([ROOT.issue(ANA, days=(1, 9))], "valid only from"),
    "another root": ([STRANGER.issue(ANA), STRANGER.certificate], "does not lead to one that you gave"),
    "another root of the same name": (
        [NAMESAKE.issue(ANA), NAMESAKE.certificate],
        "does not lead to one that you gave",
    ),
    "one between is missing": ([BETWEEN.issue(ANA)], "does not lead to one that you gave"),
    "one between has expired": (
        [EXPIRED_BETWEEN.issue(ANA), EXPIRED_BETWEEN.certificate],
        "does not lead to one that you gave",
    ),
    "issued by one that is no authority": ([_issued_by(LEAF).issue(ANA), LEAF], "does not lead to one"),
    "a chain that is too long": (
        [BELOW_SHORT.issue(ANA), BELOW_SHORT.certificate, SHORT.certificate],
        "path length",
    ),
    "an unknown critical extension": ([ROOT.issue(ANA, critical=True)], "does not lead to one"),
    "only for encryption": ([ROOT.issue(ANA, usage=oms.ENCRYPTS)], "may not sign"),
    "for nothing in particular": ([ROOT.issue(ANA, usage=None)], "may not sign"),
    "only for web servers": ([ROOT.issue(ANA, extended=[SERVER])], "names other uses, not codeSigning"),
    "only for timestamps": ([ROOT.issue(ANA, extended=[TIME])], "names other uses, not codeSigning"),
    "self-signed": ([oms.certificate(ANA, "Example Root", None)], "does not lead to one that you gave"),
    "of another key": ([ROOT.issue(oms.key("P-384", "bob"))], "the signature does not verify"),
    "of an RSA key": ([ROOT.issue(oms.key("RSA"))], "an RSA key, and RSA signatures are not accepted"),
    "of a curve that is not used": ([ROOT.issue(oms.key("secp256k1"))], "a key on the curve secp256k1"),
}


@pytest.mark.parametrize("case", CHAINS)
def test_certificates_that_are_no_good(stranger: Person, folder: Path, case: str) -> None:
    chain, words = CHAINS[case]
    refused(stranger, oms.sign(ANA, FILES, chain=chain), words, how=CHAIN)


def test_an_expired_root_ends_no_chain(stranger: Person, folder: Path) -> None:
    old = oms.Authority("Old Root", days=(-9, -1))
    (stranger.here / "root.pem").write_bytes(old.pem)
    refused(stranger, oms.sign(ANA, FILES, chain=[old.issue(ANA)]), "does not lead to one that you gave", how=CHAIN)


def test_roots_of_the_system_are_not_asked(stranger: Person, folder: Path) -> None:
    verify(stranger, GOOD, "--cert-identity", "ana@acme.example").says(2, "with a key or with certificates")


def test_a_certificate_that_cannot_be_read(stranger: Person, folder: Path) -> None:
    value = json.loads(oms.sign(ANA, FILES, chain=[ROOT.issue(ANA)]))
    for raw in (b"", b"noise", ROOT.certificate.public_bytes(Encoding.DER)[:-1]):
        value["verificationMaterial"]["x509CertificateChain"]["certificates"][0]["rawBytes"] = base64.b64encode(
            raw
        ).decode()
        refused(stranger, oms.encode(value), "cannot be read", how=CHAIN)
    for text in (b"", b"noise", oms.public_pem(ANA)):
        (stranger.here / "x.pem").write_bytes(text)
        verify(stranger, GOOD, "--certificate-chain", "x.pem").says(2, "no certificates in PEM")


# bundles


def _changed(*path: str | int, value: Any = None, drop: bool = False) -> bytes:
    found = json.loads(GOOD)
    at = found
    for step in path[:-1]:
        at = at[step]
    if drop:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return oms.encode(found)


ENVELOPE, MATERIAL = "dsseEnvelope", "verificationMaterial"
PAYLOAD = json.loads(GOOD)[ENVELOPE]["payload"]
SIG = json.loads(GOOD)[ENVELOPE]["signatures"][0]
# 'QQ==' and 'QR==' are the same byte: the last digit's spare bits.
SPARE = base64.b64encode(base64.b64decode(PAYLOAD) + b" " * (-len(base64.b64decode(PAYLOAD)) % 3 + 1)).decode()
BUNDLES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not JSON"),
    "a web page": (b"<html>", "not JSON"),
    "a number": (b"1", "not an object"),
    "not UTF-8": (b"\xff" + GOOD, "not UTF-8"),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD, "not JSON"),
    "two values": (GOOD + GOOD, "not JSON"),
    "a key twice": (GOOD.replace(b'{"mediaType"', b'{"mediaType":"x","mediaType"', 1), "a key occurs twice"),
    "a key twice, deep inside": (GOOD.replace(b'"sig":', b'"sig":"","sig":', 1), "a key occurs twice"),
    "NaN": (_changed(MATERIAL, "tlogEntries", value=[float("nan")]), "NaN is not a number"),
    "infinity": (_changed(MATERIAL, "tlogEntries", value=[float("inf")]), "Infinity is not a number"),
    "a lone surrogate": (_changed(MATERIAL, "tlogEntries", value=["\ud800"]), "a lone surrogate"),
    "a lone surrogate as a key": (_changed(MATERIAL, "tlogEntries", value=[{"\ud800": 1}]), "a lone surrogate"),
    "nested 40 deep": (GOOD.replace(b'"tlogEntries":[]', b'"tlogEntries":' + b"[" * 40 + b"]" * 40), "nested deeper"),
    "nested 100,000 deep": (
        GOOD.replace(b'"tlogEntries":[]', b'"tlogEntries":' + b"[" * 100_000 + b"]" * 100_000),
        "not JSON",
    ),
    "an unknown field": (_changed("more", value=1), "unknown field 'more'"),
    "an unknown field of the envelope": (_changed(ENVELOPE, "more", value=1), "unknown field 'more'"),
    "an unknown field of the signature": (_changed(ENVELOPE, "signatures", 0, "more", value=1), "unknown field"),
    "an unknown field of the material": (_changed(MATERIAL, "more", value=1), "unknown field"),
    "an unknown field of the key": (_changed(MATERIAL, "publicKey", "more", value=1), "unknown field"),
    "no media type": (_changed("mediaType", drop=True), "mediaType is missing"),
    "another media type": (
        _changed("mediaType", value="application/vnd.dev.sigstore.bundle.v0.1+json"),
        "read is only 'application/vnd.dev.sigstore.bundle.v0.3+json'",
    ),
    "the older spelling of the media type": (
        _changed("mediaType", value="application/vnd.dev.sigstore.bundle+json;version=0.3"),
        "read is only",
    ),
    "a media type that is no text": (_changed("mediaType", value=[]), "read is only"),
    "no material": (_changed(MATERIAL, drop=True), "verificationMaterial is missing"),
    "neither key nor certificate": (_changed(MATERIAL, "publicKey", drop=True), "not exactly one of"),
    "key and certificate": (_changed(MATERIAL, "certificate", value={"rawBytes": "AA=="}), "not exactly one of"),
    "a key that is no object": (_changed(MATERIAL, "publicKey", value="x"), "not an object"),
    "a hint that is no digest": (_changed(MATERIAL, "publicKey", "hint", value="ana"), "has not the form"),
    "no envelope": (_changed(ENVELOPE, drop=True), "dsseEnvelope is missing"),
    "no payload": (_changed(ENVELOPE, "payload", drop=True), "payload is missing"),
    "another payload type": (
        _changed(ENVELOPE, "payloadType", value="text/plain"),
        "expected 'application/vnd.in-toto",
    ),
    "no signatures": (_changed(ENVELOPE, "signatures", value=[]), "not exactly one signature"),
    "two signatures": (_changed(ENVELOPE, "signatures", value=[SIG, SIG]), "not exactly one signature"),
    "signatures that are no list": (_changed(ENVELOPE, "signatures", value=SIG), "not exactly one signature"),
    "a key id that is no text": (_changed(ENVELOPE, "signatures", 0, "keyid", value=1), "not a text"),
    "base64 without padding": (_changed(ENVELOPE, "payload", value=SPARE.rstrip("=")), "base64"),
    "base64 with spare bits": (
        _changed(ENVELOPE, "payload", value=SPARE[:-3] + chr(ord(SPARE[-3]) + 1) + "=="),
        "not canonical base64",
    ),
    "base64 with line breaks": (_changed(ENVELOPE, "payload", value=PAYLOAD[:64] + "\n" + PAYLOAD[64:]), "base64"),
    "base64 for URLs": (_changed(ENVELOPE, "signatures", 0, "sig", value="-_-_"), "not base64"),
    "a truncated signature": (
        _changed(ENVELOPE, "signatures", 0, "sig", value=base64.b64encode(base64.b64decode(SIG["sig"])[:-1]).decode()),
        "the signature does not verify",
    ),
    "an empty signature": (_changed(ENVELOPE, "signatures", 0, "sig", value=""), "the signature does not verify"),
    "a changed payload": (
        _changed(ENVELOPE, "payload", value=base64.b64encode(base64.b64decode(PAYLOAD) + b" ").decode()),
        "the signature does not verify",
    ),
    "an empty list of certificates": (
        _changed(MATERIAL, value={"x509CertificateChain": {"certificates": []}}),
        "0 members, allowed are 1 to 16",
    ),
}


@pytest.mark.parametrize("case", BUNDLES)
def test_bundles_that_are_none(stranger: Person, folder: Path, case: str) -> None:
    data, words = BUNDLES[case]
    refused(stranger, data, words)


def test_every_truncation_of_a_bundle_is_refused() -> None:
    for end in range(len(GOOD)):
        with pytest.raises(Malformed):
            Bundle.parse(GOOD[:end])


def test_100_mb_of_json_are_not_read(stranger: Person, folder: Path) -> None:
    path = stranger.here / "a.sig"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    ran = stranger.types("verify", "./atlas-7b", "--signature", "a.sig", *KEY)
    ran.says(1, "FAILED ./atlas-7b", "104857600 bytes, allowed are 33554432")


# statements, each validly signed

LISTED = oms.resources(FILES)


def _with(**changed: Any) -> dict[str, Any]:
    return {**oms.statement(FILES), **changed}


def _listing(*names: str) -> dict[str, Any]:
    return oms.statement([{**LISTED[0], "name": name} for name in names])


def _subject(**changed: Any) -> dict[str, Any]:
    return _with(subject=[{**oms.statement(FILES)["subject"][0], **changed}])


def _without(*path: str) -> dict[str, Any]:
    found = oms.statement(FILES)
    at = found
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    return found


STATEMENTS: dict[str, tuple[Any, str]] = {
    "no JSON": (b"{", "not JSON"),
    "not UTF-8": (b'{"a":"\xff"}', "not UTF-8"),
    "a key twice": (json.dumps(oms.statement(FILES)).replace("{", '{"_type": 1, ', 1).encode(), "a key occurs twice"),
    "NaN": (_with(more=float("nan")), "NaN is not a number"),
    "nested 40 deep": (b'{"a":' * 40 + b"1" + b"}" * 40, "nested deeper than 32 levels"),
    "a lone surrogate": (_with(more="\ud800"), "a lone surrogate"),
    "a list": ([], "not an object"),
    "no type": (_without("_type"), "_type is missing"),
    "another type": (_with(_type="https://in-toto.io/Statement/v0.1"), "expected 'https://in-toto.io/Statement/v1'"),
    "no predicate type": (_without("predicateType"), "predicateType is missing"),
    "another predicate type": (_with(predicateType="https://slsa.dev/provenance/v1"), "read is only"),
    "a later predicate type": (_with(predicateType="https://model_signing/signature/v1.1"), "read is only"),
    "0.2.0's, properly signed": (oms.legacy_statement(FILES), "signed otherwise than is read"),
    "no subject": (_without("subject"), "subject is missing"),
    "an empty list of subjects": (_with(subject=[]), "0 subjects, expected is 1"),
    "two subjects": (_with(subject=oms.statement(FILES)["subject"] * 2), "2 subjects, expected is 1"),
    "a subject without a digest": (_with(subject=[{"name": "x"}]), "digest is missing"),
    "a subject without a sha256": (_subject(digest={"sha512": "00"}), "sha256 is missing"),
    "a wrong digest over all": (_subject(digest={"sha256": "0" * 64}), "its digest over all files is 0000"),
    "a digest over all that is too short": (_subject(digest={"sha256": "00"}), "2 digits, a sha256 digest has 64"),
    "no predicate": (_without("predicate"), "predicate is missing"),
    "no serialization": (_without("predicate", "serialization"), "serialization is missing"),
    "no method": (_without("predicate", "serialization", "method"), "method is missing"),
    "shards": (oms.statement(LISTED, method="shards", shard_size=1000), "shards"),
    "another method": (oms.statement(LISTED, method="magic"), "method is 'magic', read is only 'files'"),
    "an unknown digest": (oms.statement(LISTED, hash_type="md5"), "'md5' is not a known digest"),
    "digests of shards": (
        oms.statement([{**LISTED[0], "algorithm": "sha256-sharded-1000"}]),
        "'sha256-sharded-1000' is not a known digest",
    ),
    "two kinds of digests": (oms.statement([LISTED[0], {**LISTED[1], "algorithm": "blake3"}]), "a blake3 digest in a"),
    "no resources": (_without("predicate", "resources"), "resources is missing"),
    "an empty list of resources": (oms.statement([]), "it lists no files"),
    "ignoring everything": (oms.statement([], ignored=["."]), "it lists no files"),
    "a resource without a name": (oms.statement([{"digest": "0" * 64, "algorithm": "sha256"}]), "name is missing"),
    "a digest that is too short": (oms.statement([{**LISTED[0], "digest": "00" * 31}]), "62 digits, a sha256"),
    "a digest that is too long": (oms.statement([{**LISTED[0], "digest": "00" * 33}]), "66 digits, a sha256"),
    "a digest that is not hex": (
        _with(predicate={**oms.statement(FILES)["predicate"], "resources": [{**LISTED[0], "digest": "0x" * 32}]}),
        "has not the form",
    ),
    "a digest in words": (
        _with(predicate={**oms.statement(FILES)["predicate"], "resources": [{**LISTED[0], "digest": 1}]}),
        "not a text",
    ),
    "a name out of the folder": (_listing("../config.json"), "the segment .. is not allowed"),
    "a name out of the folder, later": (_listing("sub/../../config.json"), "the segment .. is not allowed"),
    "an absolute name": (_listing("/etc/passwd"), "absolute, or an empty segment"),
    "a name of a drive": (_listing("C:/x"), "the character U+003A"),
    "a name with a backslash": (_listing("a\\b"), "the character U+005C"),
    "a name that ends a line": (_listing("a\nVERIFIED"), "the character U+000A"),
    "a device of Windows": (_listing("sub/nul.txt"), "a device name on Windows"),
    "a name that ends in a slash": (_listing("sub/"), "an empty segment"),
    "an empty name": (_listing(""), "not a file name"),
    "a name twice": (_listing("a", "a"), "a is listed twice"),
    "two cases of a name": (_listing("a", "A"), "are the same file on some systems"),
    "two forms of a letter": (_listing("\u00e9", "e\u0301"), "are the same file on some systems"),
    "a file and a folder": (_listing("a", "a/b"), "is a file and the folder of"),
    "a dot among several": (_listing(".", "a"), "the name . is for a model of one file, and there are 2"),
    "a list of ignored paths that is none": (oms.statement(LISTED, ignored=None, ignore_paths="x"), "not a list"),
    "links allowed, in words": (oms.statement(LISTED, allow_symlinks="false"), "not true or false"),
}


@pytest.mark.parametrize("case", STATEMENTS)
def test_malformed_statements_validly_signed(stranger: Person, folder: Path, case: str) -> None:
    value, words = STATEMENTS[case]
    payload = value if isinstance(value, bytes) else json.dumps(value).encode()
    refused(stranger, oms.encode(oms.bundle(ANA, payload)), words)


def test_malformed_statements_of_0_2_0() -> None:
    for name in ("../x", "/x", "a\\b", ""):
        with pytest.raises(Malformed):
            statement.parse_legacy(json.dumps(oms.legacy_statement({name: b""})).encode())
    with pytest.raises(Malformed, match="lists no files"):
        statement.parse_legacy(json.dumps(oms.legacy_statement({})).encode())


# the command line

USAGE: dict[str, tuple[list[str], str]] = {
    "no such signature": (["./atlas-7b", "--signature", "none", *KEY], "signature none: no such file"),
    "a folder as signature": (["./atlas-7b", "--signature", "atlas-7b", *KEY], "not a regular file"),
    "no such key": (["./atlas-7b", "--signature", "a.sig", "--key", "none"], "public key none: no such file"),
    "no such chain": (["./atlas-7b", "--signature", "a.sig", "--certificate-chain", "none"], "file none: no such file"),
    "no such folder": (["./none", "--signature", "a.sig", *KEY], "none: no such"),
    "neither key nor chain": (["./atlas-7b", "--signature", "a.sig"], "with a key or with certificates that you trust"),
    "key and chain": (["./atlas-7b", "--signature", "a.sig", *KEY, *CHAIN], "with a key or with certificates"),
    "a name with a key": (["./atlas-7b", "--signature", "a.sig", *KEY, "--cert-identity", "x"], "about certificates"),
    "with --repo": (["./atlas-7b", "--signature", "a.sig", *KEY, "--repo", "a/b"], "--repo cannot be given with"),
    "with --evidence": (["./atlas-7b", "--signature", "a.sig", *KEY, "--evidence", "x"], "--evidence cannot be given"),
    "with --as-of": (["./atlas-7b", "--signature", "a.sig", *KEY, "--as-of", "evidence"], "--as-of cannot be given"),
    "a repo instead of a path": (["acme-lab/atlas-7b", "--signature", "a.sig", *KEY], "acme-lab/atlas-7b is no path"),
    "a key alone": (["./atlas-7b", *KEY], "--key says how to check a signature"),
    "a chain alone": (["./atlas-7b", *CHAIN, "--repo", "a/b"], "--certificate-chain says how"),
    "a name alone": (["./atlas-7b", "--cert-identity", "x"], "--cert-identity says how"),
    "legacy alone": (["./atlas-7b", "--unsafe-legacy-0.2"], "--unsafe-legacy-0.2 says how"),
}


@pytest.mark.parametrize("case", USAGE)
def test_what_cannot_be_meant_is_a_usage_error(stranger: Person, folder: Path, case: str) -> None:
    words, expected = USAGE[case]
    (stranger.here / "a.sig").write_bytes(GOOD)
    assert stranger.types("verify", *words).says(2, expected).out == ""
    found = stranger.types("verify", *words, "--json").says(2).json
    assert (found["verdict"], found["use"]) == ("usage", "no")


def test_a_fifo_is_no_signature_and_nobody_waits_for_it(stranger: Person, folder: Path) -> None:
    os.mkfifo(stranger.here / "a.sig")
    stranger.types("verify", "./atlas-7b", "--signature", "a.sig", *KEY).says(2, "not a regular file")
    (stranger.here / "a.sig").unlink()
    os.mkfifo(folder / "pipe")
    refused(stranger, GOOD, "pipe", "a FIFO")


def test_an_empty_folder_is_not_signed(stranger: Person, folder: Path) -> None:
    (stranger.here / "empty").mkdir()
    (stranger.here / "a.sig").write_bytes(GOOD)
    stranger.types("verify", "./empty", "--signature", "a.sig", *KEY).says(1, "FAILED ./empty: 2 files are missing")


def test_the_word_is_never_verified_and_needs_no_trust_root(stranger: Person, folder: Path) -> None:
    (stranger.here / "a.sig").write_bytes(oms.sign(ANA, FILES, name="x\nVERIFIED acme-lab/atlas-7b"))
    for more in ((), ("--json",)):
        ran = stranger.run("verify", "./atlas-7b", "--signature", "a.sig", *KEY, *more).says(0)
        assert not any(line.startswith("VERIFIED") for line in ran.out.splitlines())
    assert stranger.types("verify", "./atlas-7b", "--signature", "a.sig", *KEY, "-q").says(0).out == ""
