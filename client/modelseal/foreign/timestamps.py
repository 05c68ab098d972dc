"""When a signature was made, as authorities that the user trusts have signed it (RFC 3161).

A signed timestamp proves that a signature existed at a time, so that a certificate that has expired since is good. It
counts if it is over the very bytes of the signature and its authority's certificate, which must be for timestamps,
leads to one of those that the user gave. All else proves nothing, and then the time is now.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any


def proven(stamps: tuple[bytes, ...], signature: bytes, given: list[Any]) -> datetime | None:
    """Return the earliest proven time of *signature*; None if no timestamp proves one."""
    if not stamps:
        return None
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    verifier = VerifierBuilder(roots=list(given)).build()
    times = []
    for stamp in stamps:
        try:
            response = decode_timestamp_response(stamp)
            verifier.verify_message(response, signature)
            times.append(response.tst_info.gen_time)
        except (VerificationError, ValueError):
            continue
    return min(times, default=None)
