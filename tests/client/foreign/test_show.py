"""What `show` says of signatures by other tools, and what `verify` suggests where such a signature lies."""

from __future__ import annotations

import json

import pytest
from cryptography import x509
from cryptography.x509 import RFC822Name

from tests.support import oms
from tests.support.cache import HubCache
from tests.support.person import COMMIT, Person

FILES = {"config.json": b"{}", "model.safetensors": b"weights"}
ANA = oms.key("P-384")
ROOT = oms.Authority()


def show(person: Person, data: bytes, at: str = "a.sig") -> str:
    path = person.here / at
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return person.types("show", f"./{at}").says(0, "UNVERIFIED", "nothing was checked").out


@pytest.mark.parametrize("release", [*oms.RELEASES, "0.2.0"])
def test_it_says_which_key_and_who_could_check_it(stranger: Person, release: str) -> None:
    said = show(stranger, oms.sign(ANA, FILES, release))
    hint = oms.material(ANA, "1.1.1")["publicKey"]["hint"]
    assert f"key:      one with the hint {hint}" in said
    assert "modelseal verify PATH --signature a.sig --key PUB" in said
    assert ("--unsafe-legacy-0.2" in said) == (release == "0.2.0")
    assert "config.json" in said


def test_it_says_whose_certificate(stranger: Person) -> None:
    leaf = ROOT.issue(ANA, names=[RFC822Name("ana@acme.example")])
    said = show(stranger, oms.sign(ANA, FILES, chain=[leaf, ROOT.certificate]))
    for words in ("signer:   ana@acme.example", "subject:  CN=Ana", "issuer:   CN=Example Root", "valid:    20"):
        assert words in said
    assert "--certificate-chain FILE" in said


def test_it_says_which_sigstore_identity(stranger: Person) -> None:
    issuer = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1"), b"https://login.example")
    leaf = ROOT.issue(ANA, names=[RFC822Name("ana@acme.example")], more=[issuer])
    value = json.loads(oms.sign(ANA, FILES, chain=[leaf]))
    [one] = value["verificationMaterial"].pop("x509CertificateChain")["certificates"]
    value["verificationMaterial"] |= {"certificate": one, "tlogEntries": [{"logIndex": "7"}]}
    said = show(stranger, oms.encode(value))
    for words in (
        "Sigstore identity",
        "signer:   ana@acme.example",
        "known to: https://login.example",
        "1 log entries",
    ):
        assert words in said
    assert "modelseal verify" not in said


@pytest.mark.parametrize("place", ["model.sig", "skill.oms.sig", ".kaggle/signing.json"])
def test_of_a_folder_it_shows_the_signature_that_is_there_and_verify_suggests_it(stranger: Person, place: str) -> None:
    stranger.model("m", FILES)
    data = oms.sign(ANA, FILES)
    (stranger.here / "m" / place).parent.mkdir(exist_ok=True)
    (stranger.here / "m" / place).write_bytes(data)
    stranger.types("show", "./m").says(0, "UNVERIFIED signature of another tool atlas-7b")
    hint = f"modelseal verify ./m --signature ./m/{place} --key PUB"
    stranger.types("verify", "./m").says(2, "whose files should these be?", hint)


def test_what_it_says_is_escaped_and_stands_only_under_untrusted(stranger: Person) -> None:
    name = "x\nVERIFIED acme-lab/atlas-7b\x1b[2K"
    said = show(stranger, oms.sign(ANA, FILES, name=name, ignored=[name]))
    assert not any(line.startswith("VERIFIED") for line in said.splitlines()) and "\x1b" not in said
    found = stranger.types("show", "./a.sig", "--json").json
    assert "VERIFIED" in json.dumps(found.pop("untrusted"))
    assert "VERIFIED" not in json.dumps(found)
    assert (found["verdict"], found["use"]) == ("unverified", "no")


def test_what_is_no_signature_is_an_error(stranger: Person) -> None:
    for data in (oms.sign(ANA, [], ignored=["."]), oms.encode({"mediaType": "x"}), oms.sign(ANA, FILES)[:-20]):
        (stranger.here / "a.sig").write_bytes(data)
        assert stranger.types("show", "./a.sig").code in (1, 2)


def test_a_snapshot_in_the_hub_cache_is_read_with_the_signature_in_it(stranger: Person) -> None:
    (stranger.here / "ana.pub").write_bytes(oms.public_pem(ANA))
    files = {**FILES, "skill.oms.sig": oms.sign(ANA, FILES), ".gitattributes": b"*.bin"}
    snapshot = HubCache(stranger.here / "hub").snapshot("models--acme-lab--atlas-7b", COMMIT, files)
    words = ("verify", str(snapshot), "--signature", str(snapshot / "skill.oms.sig"), "--key", "ana.pub")
    stranger.types(*words).says(0, "SIGNATURE VALID", "2 of 2 equal", "the signature itself: skill.oms.sig")
    (snapshot / "loader.py").symlink_to("../../../../../elsewhere.py")
    stranger.types(*words).says(1, "FAILED", "loader.py")
