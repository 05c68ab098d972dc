"""Vectors of claim files and findings (FORMAT.md 5.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelseal.formats import findings, strict
from tests.support.vectors import Vector, vector
from tests.vectors.small import START

CLAIM = bytes.fromhex("3f0d6b25a14c68c648c11d0d2404ed9e234d2d9731eeb1d34216c35f17ef3078")
OTHER = bytes.fromhex("5a07a723c7956830ae2e6be0ef71b3991162f5ea42d2d54b869cf216734d78d3")
FILE = findings.encode_claim_file((CLAIM,))
COMMIT = "5f1e0d2233ab4455667788990011223344556677"
HUB_URL = f"https://huggingface.co/spaces/acme-lab/README/resolve/{COMMIT}/modelseal.json"

_HEX = CLAIM.hex()
CLAIM_FILES: dict[str, tuple[str, str]] = {
    "the claim file of FORMAT.md": ("ok", FILE.decode()),
    "two claims": ("ok", findings.encode_claim_file((CLAIM, OTHER)).decode()),
    "16 claims": ("ok", strict.encode({"v": 1, "claims": [f"{n:064x}" for n in range(16)]})),
    "17 claims": ("malformed", strict.encode({"v": 1, "claims": [f"{n:064x}" for n in range(17)]})),
    "no claim": ("malformed", '{"claims":[],"v":1}'),
    "not sorted": ("malformed", strict.encode({"v": 1, "claims": [OTHER.hex(), _HEX]})),
    "a claim twice": ("malformed", strict.encode({"v": 1, "claims": [_HEX, _HEX]})),
    "in upper case": ("malformed", FILE.decode().replace(_HEX, _HEX.upper())),
    "with sha256 in front": ("malformed", FILE.decode().replace(_HEX, "sha256:" + _HEX)),
    "a digest of 31 bytes": ("malformed", FILE.decode().replace(_HEX, _HEX[2:])),
    "version 2": ("unsupported", FILE.decode().replace('"v":1', '"v":2')),
    "a field more": ("malformed", strict.encode({"v": 1, "claims": [_HEX], "note": ""})),
    "a line feed at the end": ("malformed", FILE.decode() + "\n"),
    "a page that says not found": ("malformed", "<html>404</html>"),
    "nothing": ("malformed", ""),
    "larger than 64 KiB": ("malformed", FILE.decode().rstrip("}") + " " * findings.MAX_FOUND + "}"),
}


def value(kind: str = "https", **changed: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "v": 1, "kind": kind, "time": START + 50, "status": 200, "body": strict.to_base64(FILE),
        "url": findings.domain_url("acme.example"), "commit": None, "owner_id": None,
    }  # fmt: skip
    if kind == "hub":
        fields |= {"url": HUB_URL, "commit": COMMIT, "owner_id": "64f0c1d2e3b4a59687706152"}
    if kind == "dns":
        records = b"claim=sha256:" + CLAIM.hex().encode() + b"\nv=spf1 -all\n"
        fields |= {"url": findings.dns_url("acme.example"), "status": None, "body": strict.to_base64(records)}
    return {**fields, **changed}


def _without(name: str) -> dict[str, Any]:
    return {key: member for key, member in value().items() if key != name}


FOUND: dict[str, tuple[str, dict[str, Any]]] = {
    "the finding of FORMAT.md": ("ok", value()),
    "in the Hub": ("ok", value("hub")),
    "in the Hub, which tells no owner": ("ok", value("hub", owner_id=None)),
    "in DNS, beside a record of another purpose": ("ok", value("dns")),
    "in DNS, nothing that is for us": ("ok", value("dns", body=strict.to_base64(b"v=spf1 -all\n"))),
    "in DNS, a digest in upper case": (
        "malformed", value("dns", body=strict.to_base64(b"claim=sha256:" + CLAIM.hex().upper().encode() + b"\n")),
    ),
    "a body that is no claim file": ("malformed", value(body=strict.to_base64(b"<html>"))),
    "an empty body": ("malformed", value(body="")),
    "of a kind that is not known": ("malformed", value(kind="ftp")),
    "https with a commit": ("malformed", value(commit=COMMIT)),
    "https with an owner": ("malformed", value(owner_id="64f0")),
    "the Hub without a commit": ("malformed", value("hub", commit=None)),
    "the Hub at a branch": ("malformed", value("hub", commit="main")),
    "an owner id that is a name": ("malformed", value("hub", owner_id="acme-lab")),
    "https without a status": ("malformed", value(status=None)),
    "DNS with a status": ("malformed", value("dns", status=200)),
    "a status of two digits": ("malformed", value(status=99)),
    "a status as text": ("malformed", value(status="200")),
    "an address with a line feed": ("malformed", value(url="https://acme.example/\n")),
    "an address with a space": ("malformed", value(url="https://acme.example/ x")),
    "a file address": ("malformed", value(url="file:///etc/passwd")),
    "a body that is not base64": ("malformed", value(body="{}")),
    "a body of 65,537 bytes": ("malformed", value(body=strict.to_base64(b" " * 65_537))),
    "a time before 1970": ("malformed", value(time=-1)),
    "version 2 of a finding": ("unsupported", value(v=2)),
    "a field more than there is": ("malformed", value(note="")),
    "without a time": ("malformed", _without("time")),
}  # fmt: skip


def make_vectors() -> Iterator[Vector]:
    for phrase, (expect, text) in CLAIM_FILES.items():
        claims = findings.parse_claim_file(text.encode()) if expect == "ok" else ()
        yield vector("claim-files", phrase, expect, text, [("claim", one.hex()) for one in claims])
    for phrase, (expect, fields) in FOUND.items():
        text, gives = strict.encode(fields), []
        if expect == "ok":
            found = findings.Finding.parse(text.encode())
            gives = [("digest", findings.digest(text.encode()).hex()), ("kind", found.kind)]
            gives += [("claim", one.hex()) for one in found.claims()]
        yield vector("findings", phrase, expect, text, gives)
