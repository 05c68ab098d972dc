"""What operators do with claims: list them, admit one on their word, refuse one."""

from __future__ import annotations

from dataclasses import dataclass

from modelseal.keys import SigningKey
from modelseal_registry import claims, config, keyfiles
from modelseal_registry.beside import database, submit
from modelseal_registry.claims import Waiting
from modelseal_registry.config import Place


@dataclass(frozen=True, slots=True)
class Approved:
    claim: Waiting
    index: int  # of the identity's leaf


def look(place: Place, state: str | None) -> list[Waiting]:
    """Return the open claims, or those that are *state*: ready or waiting."""
    settings = config.read(place)
    with database(settings) as store:
        return claims.look(store, settings.origin, state)


def find(place: Place, name: str) -> Waiting:
    settings = config.read(place)
    with database(settings) as store:
        return claims.find(store, settings.origin, name)


def refuse(place: Place, name: str, reason: str) -> Waiting:
    settings = config.read(place)
    with database(settings) as store:
        found = claims.find(store, settings.origin, name)
        claims.refuse(store, found, reason)
        return found


def approve(place: Place, name: str, *, reason: str, resembles: tuple[str, ...], keys: list[SigningKey]) -> Approved:
    """Admit the claim *name* on the operators' word and wait until it is logged.

    Without *keys* the one for trying out signs. Pending if nobody logged it in time; Refused if a rule says no.
    """
    settings = config.read(place)
    keys = keys or [keyfiles.load(place.keys / keyfiles.OPERATOR)]
    with database(settings) as store:
        found = claims.find(store, settings.origin, name)
        identity = claims.make_identity(store, settings.origin, found, resembles, keys)
        index = submit(store, settings, identity)
        with store.write() as tx:
            tx.settle_claim(found.stored.digest, "approved", reason)
        return Approved(claims.find(store, settings.origin, name), index)
