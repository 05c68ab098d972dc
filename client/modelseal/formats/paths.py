"""Every URL path, in one place (FORMAT.md 7 and 12). All are relative to the registry's or mirror's address.

checkpoint                       trust/timestamp.json        seal/sha256/<hex of the bundle>
tile/0/x001/067.p/12             tile/entries/000            index/<hex>        blob/<hex>
"""

from __future__ import annotations

import re

CHECKPOINT = "checkpoint"
RECORDS = "records"
HEALTH = "healthz"
METRICS = "metrics"
OPENAPI = "openapi.json"
TRUST = "trust/"


def _number(n: int) -> str:
    """`1234067` -> `x001/x234/067` (C2SP tlog-tiles)."""
    text = f"{n % 1000:03d}"
    while n := n // 1000:
        text = f"x{n % 1000:03d}/" + text
    return text


def tile(level: int, index: int, width: int) -> str:
    """Return the path of a hash tile of *width* 1..256 hashes."""
    return f"tile/{level}/{_number(index)}" + (f".p/{width}" if width < 256 else "")


def entries(index: int, width: int) -> str:
    """Return the path of an entry bundle of *width* 1..256 leaves."""
    return f"tile/entries/{_number(index)}" + (f".p/{width}" if width < 256 else "")


def seal(bundle: bytes) -> str:
    return f"seal/sha256/{bundle.hex()}"


def index(digest: bytes) -> str:
    return f"index/{digest.hex()}"


def blob(digest: bytes) -> str:
    """Return the path of what an identity names as its evidence."""
    return f"blob/{digest.hex()}"


def evidence(repo: str, revision: str | None) -> str:
    """Return the path of the shortcut; *repo* is `hf://...`."""
    return f"evidence/{repo.removeprefix('hf://')}" + (f"@{revision}" if revision else "")


_IMMUTABLE = re.compile(
    r"(?:tile/(?:entries|[0-9]{1,2})/(?:x[0-9]{3}/)*[0-9]{3}(?:\.p/[0-9]{1,3})?|seal/sha256/[0-9a-f]{64}|(?:index|blob)/[0-9a-f]{64}"
    r"|trust/(?:[0-9]+\.(?:root|targets|snapshot)\.json|targets/[0-9a-f]{64}\.[a-z0-9._]{1,64}))"
)
_MUTABLE = re.compile(r"checkpoint|trust/timestamp\.json")


def is_immutable(path: str) -> bool:
    """Whether *path* is a static file that never changes once it exists."""
    return _IMMUTABLE.fullmatch(path) is not None


def is_static(path: str) -> bool:
    """Whether *path* names a file of the static folder."""
    return is_immutable(path) or _MUTABLE.fullmatch(path) is not None
