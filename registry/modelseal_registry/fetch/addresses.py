"""Which addresses a stranger's domain may have: public ones. A registry must not be a way into its own network.

A name is resolved once, every address is checked, and the connection goes to a checked address, not to the name: what
the name means a moment later is of no use to anybody.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from modelseal.errors import Malformed, Refused, Unavailable
from modelseal.formats import names

Address = IPv4Address | IPv6Address
PORT = 443
MOST = 8  # addresses of a name that are looked at

_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether *address* belongs to the public internet, whatever it is wrapped in."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo or address.is_site_local or address.scope_id is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


@dataclass(frozen=True, slots=True)
class Exceptions:
    """`unsafe_private_addresses`: names, networks, and names that are connected to one address without asking."""

    names: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    fixed: tuple[tuple[str, str, int], ...] = ()  # (name, address, port)

    @classmethod
    def parse(cls, entries: tuple[str, ...]) -> Exceptions:
        """Read entries of the forms `NAME`, `ADDRESS` or `NETWORK`, `NAME=ADDRESS[:PORT]`."""
        allowed, networks, fixed = set(), [], []
        for entry in entries:
            try:
                name, equals, where = entry.partition("=")
                if equals:
                    fixed.append((names.domain(name, entry), *_where(where)))
                elif _is_network(entry):
                    networks.append(ipaddress.ip_network(entry))
                else:
                    allowed.add(names.domain(entry, entry))
            except ValueError as e:
                raise Malformed(f"{names.printable(entry)}: not an address or a network") from e
        return cls(frozenset(allowed), tuple(networks), tuple(fixed))

    def allow(self, domain: str, address: Address) -> bool:
        return domain in self.names or any(address in one for one in self.networks if one.version == address.version)

    def fixed_for(self, domain: str) -> tuple[str, int] | None:
        return next(((address, port) for name, address, port in self.fixed if name == domain), None)


def check_entry(value: Any, what: str) -> str:
    """One entry of `unsafe_private_addresses`."""
    if not isinstance(value, str):
        raise Malformed(f"{what}: not a text")
    try:
        Exceptions.parse((value,))
    except Malformed as e:
        raise Malformed(
            f"{what}: {names.printable(value)!r} is neither a domain, an address, a network, nor DOMAIN=ADDRESS:PORT"
        ) from e
    return value


def check(domain: str, addresses: list[str], exceptions: Exceptions) -> list[str]:
    """Return the addresses of *domain* to connect to; Refused if one of them is not public and not excepted."""
    if not addresses:
        raise Unavailable(f"{domain} has no address")
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError as e:
            raise Refused(f"{domain}: {names.printable(text)} is not an address") from e
        if not is_public(address) and not exceptions.allow(domain, address):
            raise Refused(f"{domain} has the address {address}, which is not public")
    return addresses[:MOST]


def _is_network(entry: str) -> bool:
    return ":" in entry or entry.replace(".", "").replace("/", "").isdigit()


def _where(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):  # an IPv6 address, and no port
        host, port = text, str(PORT)
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(port)
    return str(ipaddress.ip_address(host.strip("[]"))), int(port)
