"""DNS, by dnspython: the only module that knows it. Names are absolute, and each is asked for once."""

from __future__ import annotations

from typing import Any

from modelseal.errors import NotFound, Unavailable


def load() -> None:
    """Import what a Resolver needs."""
    import dns.resolver  # noqa: F401


class Resolver:
    """Asks *nameserver*, `ADDRESS:PORT`, or with "" those of the system."""

    def __init__(self, nameserver: str, limit_s: float) -> None:
        import dns.exception
        import dns.resolver

        try:
            self._resolver = dns.resolver.Resolver(configure=not nameserver)
        except dns.exception.DNSException as e:
            raise Unavailable(f"no name server is configured: {e}") from e
        if nameserver:
            address, _, port = nameserver.rpartition(":")
            self._resolver.nameservers, self._resolver.port = [address.strip("[]")], int(port)
        self._resolver.lifetime = limit_s

    def addresses(self, domain: str) -> list[str]:
        """Return the addresses of *domain*, all of them."""
        found, troubles = [], []
        for kind in ("A", "AAAA"):
            try:
                found += [str(one.address) for one in self._ask(domain, kind)]
            except Unavailable as e:
                troubles.append(e)
        if not found and troubles:
            raise troubles[0]
        return found

    def texts(self, name: str) -> tuple[bytes, ...]:
        """Return the TXT records of *name*, each in one piece."""
        return tuple(b"".join(one.strings) for one in self._ask(name, "TXT"))

    def _ask(self, name: str, kind: str) -> list[Any]:
        import dns.exception
        import dns.resolver

        try:
            answer = self._resolver.resolve(name + ".", kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN as e:
            raise NotFound(f"there is no name {name}") from e
        except (dns.exception.DNSException, OSError) as e:
            raise Unavailable(f"{name}: no answer from DNS ({type(e).__name__})") from e
        return list(answer.rrset or ())
