"""Evidence of claims: what was seen where only the owner can write, and what it is worth.

A *look* is what was seen last at one place; a *finding* what is kept of it when it names the claim. The operators' word
rests on findings: their digests stand in the identity, their bytes are served at `blob/<digest>` by every mirror.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelseal.errors import Malformed, Refused
from modelseal.formats import findings, records
from modelseal.formats.findings import DNS, HTTPS, HUB, Finding
from modelseal.formats.records import Claim, Identity
from modelseal_registry.fetch.ask import FOUND, MISSING, OTHER, UNAVAILABLE
from modelseal_registry.store import Look, Tx

NOT_YET, GONE, CHANGED, NO_ANSWER, NONE = "not yet", "gone", "changed", "no answer", "none"


@dataclass(frozen=True, slots=True)
class Place:
    """The Hub, or the owner's domain, as it stands for one claim."""

    word: str  # found, missing, other, gone, changed, no answer, not yet; none: the claim names no such place
    says: str  # for people
    url: str
    looked: int | None  # time of the look
    digest: bytes | None = None  # of the newest finding that names the claim
    finding: Finding | None = None

    @property
    def found(self) -> bool:
        return self.word == FOUND

    @property
    def lost(self) -> bool:
        """Whether it named the claim once and does no more."""
        return self.word in (GONE, CHANGED)


@dataclass(frozen=True, slots=True)
class Evidence:
    hub: Place
    domain: Place

    @property
    def complete(self) -> bool:
        """Whether operators may say that they found the claim on the web."""
        return self.hub.found and (self.domain.found or self.domain.word == NONE)

    @property
    def digests(self) -> tuple[bytes, ...]:
        return tuple(sorted(one.digest for one in (self.hub, self.domain) if one.found and one.digest))

    @property
    def owner_id(self) -> str | None:
        """Who the Hub says owns the namespace."""
        return self.hub.finding.owner_id if self.hub.finding else None

    def missing(self, claim: Claim) -> tuple[str, ...]:
        """Return what the owner has still to publish, in words; one for each place."""
        space, lacks = findings.space_of(claim.namespace), []
        if not self.hub.found:
            lacks.append(f"{findings.FILE} on main of the Space spaces/{space} ({_why(self.hub)})")
        if claim.domain and not self.domain.found:
            where = f"{findings.domain_url(claim.domain)} or a TXT record at {findings.DNS_LABEL}.{claim.domain}"
            lacks.append(f"{where} ({_why(self.domain)})")
        return tuple(lacks)


def _why(place: Place) -> str:
    return place.says or place.word


def of(tx: Tx, claim: Claim, digest: bytes) -> Evidence:
    """Return how the evidence of the claim with *digest* stands, by the last look."""
    looks = tx.findings.looks(digest)
    hub = _place(tx, looks.get(HUB), f"hf://spaces/{findings.space_of(claim.namespace)}/{findings.FILE}")
    if claim.domain is None:
        return Evidence(hub, Place(NONE, "", "", None))
    https = _place(tx, looks.get(HTTPS), findings.domain_url(claim.domain))
    dns = _place(tx, looks.get(DNS), findings.dns_url(claim.domain))
    # One of the two suffices. If there is none, the one that was there once says more than the one that never was.
    order = [FOUND, CHANGED, GONE, OTHER, MISSING, NO_ANSWER, NOT_YET]
    return Evidence(hub, min(https, dns, key=lambda place: order.index(place.word)))


def _place(tx: Tx, look: Look | None, url: str) -> Place:
    if look is None:
        return Place(NOT_YET, "not looked for yet", url, None)
    data = tx.findings.blob(look.blob) if look.blob else None
    finding = Finding.parse(data) if data else None
    word = look.state
    if finding and word in (MISSING, OTHER):
        word = GONE if word == MISSING else CHANGED
    word = NO_ANSWER if word == UNAVAILABLE else word
    return Place(word, look.says, finding.url if finding else url, look.time, look.blob, finding)


def check(tx: Tx, identity: Identity) -> None:
    """Refuse an identity whose evidence is not kept here, or does not name its claim: nobody could look it up."""
    for digest in identity.evidence:
        data = tx.findings.blob(digest)
        if data is None:
            raise Refused(
                f"{identity.claim.namespace}: the evidence {digest.hex()} is not kept by this registry",
                hint="it is looked for again by: modelseal-registry claims show NS@DIGEST --save FILE",
            )
        try:
            named = Finding.parse(data).claims()
        except Malformed as e:
            raise Refused(f"{identity.claim.namespace}: the evidence {digest.hex()}: {e}") from e
        if records.digest(identity.claim_text) not in named:
            raise Refused(f"{identity.claim.namespace}: the evidence {digest.hex()} does not name this claim")


def keep(tx: Tx, identity: Identity, index: int) -> None:
    """Let what the identity at leaf *index* names be served from now on."""
    for digest in identity.evidence:
        if data := tx.findings.blob(digest):
            tx.findings.put_blob(digest, data, index)
