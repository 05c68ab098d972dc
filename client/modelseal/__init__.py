"""ModelSeal: are these the bytes that the owner of that name signed?

    import modelseal

    verdict = modelseal.verify("./atlas-7b", "acme-lab/atlas-7b")
    if not verdict:
        raise SystemExit(f"{verdict.word}{verdict.says}")

What the commands call: `verify` (a folder, or what the Hub cache has of a repo, against the log), `check` (a name and
the Hub's listing; nothing is downloaded), `get` (download, verify, hand over), `snapshot_download` and
`hf_hub_download` (the same with huggingface_hub's parameters), `guard` (huggingface_hub in this process), `scan` (all
that the Hub cache has), `verify_signature` (a folder against another tool's signature), `hash_folder` (its digests),
`sign` (a seal, nothing is sent), `publish` (seal, log, verify). They raise `modelseal.Error` or its kin in
`modelseal.errors`, whose `exit_code` and `hint` are what the commands show. Nothing is imported before it is used:
`import modelseal` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelseal.errors import Error
    from modelseal.foreign.judge import SignatureVerdict
    from modelseal.hashing import hash_folder
    from modelseal.journeys.check import check
    from modelseal.journeys.download import get
    from modelseal.journeys.dropin import hf_hub_download, snapshot_download
    from modelseal.journeys.inprocess import guard
    from modelseal.journeys.lock import Locked, lock
    from modelseal.journeys.publish import Published, publish
    from modelseal.journeys.scan import scan
    from modelseal.journeys.sign import Signed, sign
    from modelseal.journeys.signature import verify_signature
    from modelseal.journeys.verify import verify
    from modelseal.journeys.wish import Got
    from modelseal.keys import SigningKey
    from modelseal.reports.subject import Scan, Scanned
    from modelseal.verdict import Finding, NotVerified, Verdict, Word

__all__ = [
    "Error",
    "Finding",
    "Got",
    "Locked",
    "NotVerified",
    "Published",
    "Scan",
    "Scanned",
    "SignatureVerdict",
    "Signed",
    "SigningKey",
    "Verdict",
    "Word",
    "check",
    "get",
    "guard",
    "hash_folder",
    "hf_hub_download",
    "lock",
    "publish",
    "scan",
    "sign",
    "snapshot_download",
    "verify",
    "verify_signature",
]

_FROM = {
    "Error": "modelseal.errors",
    "Finding": "modelseal.verdict",
    "Got": "modelseal.journeys.wish",
    "Locked": "modelseal.journeys.lock",
    "NotVerified": "modelseal.verdict",
    "Published": "modelseal.journeys.publish",
    "Scan": "modelseal.reports.subject",
    "Scanned": "modelseal.reports.subject",
    "SignatureVerdict": "modelseal.foreign.judge",
    "Signed": "modelseal.journeys.sign",
    "SigningKey": "modelseal.keys",
    "Verdict": "modelseal.verdict",
    "Word": "modelseal.verdict",
    "check": "modelseal.journeys.check",
    "get": "modelseal.journeys.download",
    "guard": "modelseal.journeys.inprocess",
    "hash_folder": "modelseal.hashing",
    "hf_hub_download": "modelseal.journeys.dropin",
    "lock": "modelseal.journeys.lock",
    "publish": "modelseal.journeys.publish",
    "scan": "modelseal.journeys.scan",
    "sign": "modelseal.journeys.sign",
    "snapshot_download": "modelseal.journeys.dropin",
    "verify": "modelseal.journeys.verify",
    "verify_signature": "modelseal.journeys.signature",
}


def __getattr__(name: str) -> object:
    if name not in _FROM:
        raise AttributeError(f"module 'modelseal' has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(_FROM[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
