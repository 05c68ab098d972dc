"""Times as people write and read them; inside, a time is POSIX seconds and a duration is seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from modelseal.errors import Usage

LAST = 253_402_300_799  # 9999-12-31T23:59:59Z: no calendar has a later time
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def utc(seconds: int) -> str:
    """Return `2026-11-24 18:20 UTC`."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s after 1970"  # a log may claim any time; printing it must not fail


def day(seconds: int) -> str:
    """Return `2026-11-24`, by UTC."""
    return utc(seconds).partition(" ")[0]


def rfc3339(seconds: int) -> str:
    """Return `2026-11-24T18:20:01Z`; a time that no calendar has becomes the first or the last that one has."""
    return datetime.fromtimestamp(min(max(seconds, 0), LAST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def by_our_clock(now: int) -> str:
    """Return what belongs behind "this is too old" or "too new": a wrong clock looks the same."""
    return f"by the clock of this machine ({utc(now)}; is it right?)"


def span(seconds: int) -> str:
    """Return a duration as `3 minutes`, `2 hours` or `5 days`, rounded down."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or (seconds >= length and unit != "day"):
            count = seconds // length
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{max(0, seconds)} second{'s' if seconds != 1 else ''}"


def parse_duration(text: str) -> int:
    """Read `90s`, `5m`, `24h` or `30d`."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text, re.ASCII)
    if not match:
        raise Usage(f"{text!r} is not a duration", hint="durations are written 90s, 5m, 24h or 30d")
    return int(match[1]) * _UNITS[match[2]]


def parse_time(text: str) -> int:
    """Read an RFC 3339 time."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError("no zone")
        return int(found.timestamp())
    except (ValueError, OverflowError) as e:
        raise Usage(f"{text!r} is not a time", hint="times are written 2026-11-24T18:20:00Z") from e
