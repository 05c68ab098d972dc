"""Public keys: one encoding each, no key that verifies what nobody signed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from modelseal.errors import Error, Malformed
from modelseal.formats import strict
from modelseal.keytext import PublicKey
from tests.support import make
from tests.support.vectors import Vector, changes, check, load, name_of, truncations

KEYS = {"ecdsa-p256": make.key("ana"), "ed25519": make.key("ana", "ed25519")}
MESSAGE = b"a message"


def read(case: Vector) -> Iterable[tuple[str, str]]:
    public = PublicKey.parse(case.body)
    public.check(strict.base64_text(case.need("signature"), "signature"), case.need("message").encode(), "vector")
    yield "algorithm", public.algorithm
    yield "fingerprint", public.key.sha256.hex()
    yield "hint", public.hint


@pytest.mark.parametrize("case", load("keys"), ids=name_of)
def test_vectors(case: Vector) -> None:
    check(case, read)


@pytest.mark.parametrize("algorithm", KEYS)
def test_keys_read_back(algorithm: str) -> None:
    public = KEYS[algorithm].public
    assert public.algorithm == algorithm
    assert PublicKey.parse(public.spki) == PublicKey.parse_pem(public.pem) == public
    assert PublicKey.parse_pem("\r\n" + public.pem.replace("\n", "\r\n")) == public
    assert public.fingerprint == "SHA256:" + public.key.sha256.hex()


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_changed_or_cut_key_verifies_nothing(algorithm: str) -> None:
    private = KEYS[algorithm]
    signature = private.sign(MESSAGE)
    others = [changed for _, changed in changes(private.public.spki)] + list(truncations(private.public.spki))
    for other in others:
        with pytest.raises(Error):
            PublicKey.parse(other).check(signature, MESSAGE, "signature")


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_changed_or_cut_signature_is_refused(algorithm: str) -> None:
    private = KEYS[algorithm]
    signature = private.sign(MESSAGE)
    private.public.check(signature, MESSAGE, "signature")
    for other in [changed for _, changed in changes(signature)] + list(truncations(signature)):
        with pytest.raises(Error, match="does not verify"):
            private.public.check(other, MESSAGE, "signature")


PEMS = {
    "nothing": "",
    "a private key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "no end": "-----BEGIN PUBLIC KEY-----\nAAAA\n",
    "no base64": "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n",
    "another key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
}


@pytest.mark.parametrize("case", PEMS)
def test_what_is_no_public_key_in_pem_is_malformed(case: str) -> None:
    with pytest.raises(Malformed, match=r"^sample\.pub: "):
        PublicKey.parse_pem(PEMS[case], "sample.pub")
