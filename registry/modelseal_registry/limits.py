"""How much one address may ask for, judged before anything of a request's body is read.

A rate allows as many requests at once as it allows in a minute, and then one after the other (a leaky bucket, GCRA).
The bucket of an address is one number in memory that all workers share (`shared`): the time at which it is empty. It
is lost with the server, which is right for limits by the minute; what counts by the day is in the database (`usage`).

The library `limits` counts per process, or asks a server of its own (Redis and its like): neither fits here.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from modelseal.errors import Unavailable
from modelseal_registry.shared import CELLS, Shared

PREFIX_V6 = 64  # bits of an IPv6 address that count: the rest is one customer's to choose


class TooMany(Unavailable):
    """More than a limit allows; 429, to be tried again after *retry_s*."""

    def __init__(self, message: str, retry_s: int) -> None:
        super().__init__(message)
        self.retry_s = retry_s


class Rates:
    """*now* must be one clock for all processes of this machine."""

    def __init__(self, shared: Shared, now: Callable[[], float] = time.monotonic) -> None:
        self._cells = shared.cells
        self._key = shared.key
        self._now = now

    def wait_s(self, kind: str, who: str, per_minute: int) -> int:
        """Count a request of *kind* by *who*; return 0, or the seconds after which it may come again (1 or more)."""
        name = hashlib.blake2b(f"{kind} {who}".encode(), digest_size=4, key=self._key).digest()
        cell = int.from_bytes(name) % CELLS
        now = self._now()
        until: float = self._cells[cell]
        empty = max(now, until) + 60 / per_minute
        if empty - now > 60 + 1e-6:  # the last one of a full bucket fits in spite of rounding
            return max(1, math.ceil(empty - now - 60))
        self._cells[cell] = empty
        return 0


@dataclass(frozen=True, slots=True)
class Visitors:
    """Who asks, and how often they may."""

    rates: Rates | None = None  # none: as often as they like
    reads_per_minute: int = 1
    writes_per_minute: int = 1
    behind: int = 0  # proxies

    def address(self, environ: Mapping[str, Any]) -> str:
        return address_of(environ, self.behind)

    def admit(self, environ: Mapping[str, Any], *, writes: bool) -> None:
        """Count a request; TooMany if its address asks too often."""
        if self.rates is None:
            return
        address = self.address(environ)
        most = self.writes_per_minute if writes else self.reads_per_minute
        if wait := self.rates.wait_s("writes" if writes else "reads", address, most):
            raise TooMany(f"{address}: more than {most} requests of this kind in a minute; try again in {wait} s", wait)


def address_of(environ: Mapping[str, Any], behind: int = 0) -> str:
    """Return the address that asks, of IPv6 its network.

    *behind* proxies stand before this server: each has appended the address that it saw to X-Forwarded-For, so what
    the client itself wrote there stands further left. Without proxies, and with fewer entries, the header is ignored.
    """
    said = environ.get("REMOTE_ADDR", "")
    if behind:
        entries = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(entries) >= behind and (found := _network(entries[-behind].strip())):
            return found
    return _network(said) or "unknown"


@functools.lru_cache(4096)
def _network(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(address), PREFIX_V6), strict=False).network_address) + f"/{PREFIX_V6}"
        address = address.ipv4_mapped
    return str(address)
