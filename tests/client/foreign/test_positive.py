"""What other tools have signed since 2025 is read: each release, each method, each key, both layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509 import RFC822Name, UniformResourceIdentifier

from tests.support import oms
from tests.support.client import Ran
from tests.support.person import Person

FILES = {"config.json": b"{}", "model.safetensors": b"weights", "sub/tokenizer.json": b"[]"}
ROOT = oms.Authority()
BETWEEN = oms.Authority("Example Intermediate", ROOT, extended=[oms.CODE])


@pytest.fixture
def folder(stranger: Person) -> Path:
    (stranger.here / "ana.pub").write_bytes(oms.public_pem(oms.key("P-384")))
    (stranger.here / "root.pem").write_bytes(ROOT.pem)
    return stranger.model("atlas-7b", FILES)


def verify(person: Person, signature: bytes, *more: str, path: str = "./atlas-7b", at: str = "a.sig") -> Ran:
    (person.here / at).write_bytes(signature)
    with_what = more if "--certificate-chain" in more or "--key" in more else ("--key", "ana.pub", *more)
    return person.types("verify", path, "--signature", at, *with_what)


CHAIN = ("--certificate-chain", "root.pem")


@pytest.mark.parametrize("release", oms.RELEASES)
@pytest.mark.parametrize("method", ["key", "certificate"])
def test_every_release(stranger: Person, folder: Path, release: str, method: str) -> None:
    ana = oms.key("P-384")
    if method == "key":
        verify(stranger, oms.sign(ana, FILES, release)).says(0, "SIGNATURE VALID ./atlas-7b, signed by key SHA256:")
    else:
        leaf = BETWEEN.issue(ana, extended=[oms.CODE])
        data = oms.sign(ana, FILES, release, chain=[leaf, BETWEEN.certificate, ROOT.certificate])
        verify(stranger, data, *CHAIN).says(
            0, "SIGNATURE VALID ./atlas-7b, signed by CN=Ana", "issuer:   CN=Example Inter"
        )


@pytest.mark.parametrize("kind", [*oms.CURVES, "Ed25519"])
def test_every_kind_of_key(stranger: Person, folder: Path, kind: str) -> None:
    (stranger.here / "ana.pub").write_bytes(oms.public_pem(oms.key(kind)))
    for release in ("1.0.1", "1.1.1"):
        found = verify(stranger, oms.sign(oms.key(kind), FILES, release), "--json").says(0).json
        assert (found["verdict"], found["use"], found["repo"], found["exit"]) == ("signature-valid", "ask", None, 0)
        assert found["signer"]["kind"] == "key"
        assert found["files"] == {"equal": 3, "total": 3, "bytes": 11}


@pytest.mark.parametrize("kind", oms.CURVES)
def test_certificates_of_every_curve_and_of_an_rsa_authority(stranger: Person, folder: Path, kind: str) -> None:
    authority = oms.Authority("RSA Root", kind="RSA")
    (stranger.here / "root.pem").write_bytes(authority.pem)
    data = oms.sign(oms.key(kind), FILES, chain=[authority.issue(oms.key(kind))])
    verify(stranger, data, *CHAIN).says(0, "SIGNATURE VALID")


def test_any_spelling_of_the_json_and_any_order_of_the_files(stranger: Person, folder: Path) -> None:
    ana, listed = oms.key("P-384"), list(reversed(oms.resources(FILES)))
    value = oms.bundle(ana, json.dumps(oms.statement(listed), separators=(",", ":")).encode())
    for text in (json.dumps(value), json.dumps(value, indent=4), json.dumps(value, sort_keys=True) + "\n\n"):
        verify(stranger, text.encode()).says(0, "SIGNATURE VALID")


def test_what_the_specification_leaves_open_is_open(stranger: Person, folder: Path) -> None:
    ana = oms.key("P-384")
    listed = [{**one, "annotations": {"x": [1.5]}, "digest": one["digest"].upper()} for one in oms.resources(FILES)]
    value = oms.statement(listed, shard_size=None, allow_symlinks=True)
    value["predicate"]["more"] = value["more"] = value["subject"][0]["uri"] = "x"
    found = oms.bundle(ana, json.dumps(value).encode())
    found["verificationMaterial"]["tlogEntries"] = [{"logIndex": "1"}]
    found["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": []}
    verify(stranger, oms.encode(found)).says(0, "SIGNATURE VALID")


@pytest.mark.parametrize("name", [".", "model.gguf"])
@pytest.mark.parametrize("release", ["0.3.1", "1.1.1", "go"])
def test_a_single_file_by_its_own_name_or_a_dot(stranger: Person, folder: Path, name: str, release: str) -> None:
    stranger.model("one", {"model.gguf": b"gguf", "other.gguf": b"gguf"})
    data = oms.sign(oms.key("P-384"), {name: b"gguf"}, release)
    verify(stranger, data, path="./one/model.gguf").says(0, "SIGNATURE VALID ./one/model.gguf", "1 of 1 equal")
    other = verify(stranger, data, path="./one/other.gguf")
    other.says(0 if name == "." else 1)  # a dot says nothing of the name
    (stranger.here / "one/model.gguf").write_bytes(b"changed")
    verify(stranger, data, path="./one/model.gguf").says(1, "FAILED", "1 file")


def test_a_single_file_and_a_folder_are_told_apart(stranger: Person, folder: Path) -> None:
    ana = oms.key("P-384")
    verify(stranger, oms.sign(ana, {".": b"{}"})).says(1, "FAILED", "for a single file; give the path of that file")
    many = verify(stranger, oms.sign(ana, FILES), path="./atlas-7b/config.json")
    many.says(1, "FAILED", "for a folder of 3 files; give the path of that folder")


@pytest.mark.parametrize("place", ["model.sig", "skill.oms.sig", ".kaggle/signing.json", "sub/x.oms.sig"])
def test_the_signature_itself_may_lie_in_the_folder_under_any_name(stranger: Person, folder: Path, place: str) -> None:
    (folder / place).parent.mkdir(exist_ok=True)
    found = verify(stranger, oms.sign(oms.key("P-384"), FILES), at=f"atlas-7b/{place}")
    found.says(0, "SIGNATURE VALID", f"ignored:  1 not compared, the signature itself: {place}")
    # another one beside it is a file like any other
    (stranger.here / "elsewhere.sig").write_bytes((folder / place).read_bytes())
    other = stranger.types("verify", "./atlas-7b", "--signature", "elsewhere.sig", "--key", "ana.pub")
    if place == "model.sig":
        other.says(0, "1 not compared, no part of a model: model.sig")
    else:
        other.says(1, f"added:    {place}")


def test_names_of_git_are_compared_where_they_are_signed_and_counted_where_not(stranger: Person, folder: Path) -> None:
    stranger.model("atlas-7b", {".gitattributes": b"*.bin", ".gitignore": b"x", ".github/a.yml": b"y"})
    ana, signed = oms.key("P-384"), {**FILES, ".gitattributes": b"*.bin", ".github/a.yml": b"y"}
    found = verify(stranger, oms.sign(ana, signed), "--json").says(0).json
    passed = [(found["untrusted"]["files"][one["file"]], one["why"]) for one in found["not_compared"]]
    assert passed == [(".github", "no part of a model"), (".gitignore", "no part of a model")]
    assert found["files"]["equal"] == 5
    (folder / ".gitattributes").write_bytes(b"*")
    verify(stranger, oms.sign(ana, signed)).says(1, "FAILED", "differs:  .gitattributes")
    (folder / ".gitattributes").unlink()
    verify(stranger, oms.sign(ana, signed)).says(1, "FAILED", "missing:  .gitattributes")


@pytest.mark.parametrize("algorithm", ["blake3", "blake2b"])
def test_other_digests_are_compared(stranger: Person, folder: Path, algorithm: str) -> None:
    data = oms.sign(oms.key("P-384"), FILES, algorithm=algorithm)
    verify(stranger, data).says(0, "SIGNATURE VALID", f"({algorithm})")
    (folder / "config.json").write_bytes(b"[]")
    verify(stranger, data).says(1, "FAILED", f"expected {algorithm}:", f"found    {algorithm}:")
    one = oms.sign(oms.key("P-384"), {".": b"[]"}, algorithm=algorithm)
    verify(stranger, one, path="./atlas-7b/config.json").says(0, "SIGNATURE VALID")


def test_a_seal_of_ours_is_such_a_signature_too(stranger: Person, folder: Path) -> None:
    for name, kind in (("ci", "ecdsa-p256"), ("ed", "ed25519")):
        stranger.key(name, kind)
        stranger.types("sign", "./atlas-7b", "--repo", f"a/b@{'0' * 40}", "--no-hub", "--key", f"{name}.key").says(0)
        seal = (folder / "model.sig").read_bytes()
        verify(stranger, seal, "--key", f"{name}.pub").says(0, "SIGNATURE VALID", "the signer calls it 'b'")
        (folder / "model.sig").unlink()
        (folder / "config.json").write_bytes(b"{} ")
        verify(stranger, seal, "--key", f"{name}.pub").says(1, "another size", "expected 2 bytes", "found    3 bytes")
        (folder / "config.json").write_bytes(b"{}")


# certificates

MAIL, PAGE = RFC822Name("ana@acme.example"), UniformResourceIdentifier("https://acme.example/build")


@pytest.mark.parametrize("wanted", ["ana@acme.example", "https://acme.example/build"])
def test_a_certain_name_is_wanted_letter_by_letter(stranger: Person, folder: Path, wanted: str) -> None:
    ana = oms.key("P-256")
    data = oms.sign(ana, FILES, chain=[ROOT.issue(ana, names=[MAIL, PAGE])])
    verify(stranger, data, *CHAIN, "--cert-identity", wanted).says(0, "SIGNATURE VALID ./atlas-7b, signed by ana@acme")
    for other in (wanted.upper(), wanted[:-1], wanted + "s", "Ana", "CN=Ana", ""):
        verify(stranger, data, *CHAIN, "--cert-identity", other).says(1, "FAILED", "the certificate is not of")


def test_without_a_name_it_is_said_that_any_certificate_passes(stranger: Person, folder: Path) -> None:
    ana = oms.key("P-256")
    data = oms.sign(ana, FILES, chain=[ROOT.issue(ana, names=[MAIL])])
    verify(stranger, data, *CHAIN).says(0, "any certificate below those given passes; --cert-identity")


GIVEN: dict[str, list[x509.Certificate]] = {
    "the root": [ROOT.certificate],
    "the one between": [BETWEEN.certificate],
    "both": [BETWEEN.certificate, ROOT.certificate],
}


@pytest.mark.parametrize("given", GIVEN)
def test_every_certificate_that_is_given_is_one_to_end_at(stranger: Person, folder: Path, given: str) -> None:
    ana = oms.key("P-256")
    data = oms.sign(ana, FILES, chain=[BETWEEN.issue(ana), BETWEEN.certificate])
    words: list[str] = []
    for i, one in enumerate(GIVEN[given]):
        (stranger.here / f"{i}.pem").write_bytes(oms.pem(one))
        words += ["--certificate-chain", f"{i}.pem"]
    verify(stranger, data, *words).says(0, "SIGNATURE VALID")


def test_a_certificate_that_signs_itself_counts_where_it_is_given_itself(stranger: Person, folder: Path) -> None:
    ana = oms.key("P-256")
    alone = oms.certificate(ana, "Ana alone", None)
    (stranger.here / "alone.pem").write_bytes(oms.pem(alone))
    data = oms.sign(ana, FILES, chain=[alone])
    verify(stranger, data, "--certificate-chain", "alone.pem").says(0, "SIGNATURE VALID", "CN=Ana alone")
    verify(stranger, data, *CHAIN).says(1, "FAILED", "does not lead to one that you gave")


def test_one_bare_certificate_is_a_chain_of_one(stranger: Person, folder: Path) -> None:
    ana = oms.key("P-256")
    value: dict[str, Any] = json.loads(oms.sign(ana, FILES, chain=[ROOT.issue(ana)]))
    [one] = value["verificationMaterial"].pop("x509CertificateChain")["certificates"]
    value["verificationMaterial"]["certificate"] = one
    verify(stranger, oms.encode(value), *CHAIN).says(0, "SIGNATURE VALID")
    value["verificationMaterial"]["tlogEntries"] = [{"logIndex": "7"}]
    verify(stranger, oms.encode(value), *CHAIN).says(1, "FAILED", "signed with a Sigstore identity")


# 0.2.0


@pytest.mark.parametrize("kind", oms.CURVES)
def test_what_0_2_0_wrote_is_read_only_if_that_is_said(stranger: Person, folder: Path, kind: str) -> None:
    ana = oms.key(kind)
    (stranger.here / "ana.pub").write_bytes(oms.public_pem(ana))
    data = oms.sign(ana, FILES, "0.2.0")
    verify(stranger, data).says(1, "FAILED", "model_signing 0.2.0", "--unsafe-legacy-0.2")
    verify(stranger, data, "--unsafe-legacy-0.2").says(0, "SIGNATURE VALID", "which is unsafe")
    verify(stranger, oms.sign(ana, FILES), "--unsafe-legacy-0.2").says(0, "SIGNATURE VALID")
    chained = oms.sign(ana, FILES, "0.2.0", chain=[ROOT.issue(ana, authority=True, extended=[oms.CODE])])
    verify(stranger, chained, *CHAIN, "--unsafe-legacy-0.2").says(0, "SIGNATURE VALID")
    (folder / "config.json").write_bytes(b"[]")
    verify(stranger, data, "--unsafe-legacy-0.2").says(1, "FAILED", "1 file differs")
