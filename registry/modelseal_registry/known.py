"""Everybody whom the log knows: what people call them, and so whom a claim can resemble."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from modelseal import replay
from modelseal.authorship import named_by
from modelseal.errors import Refused
from modelseal.formats import index as indexes
from modelseal.formats.records import Claim
from modelseal.lookalike import Alike, Index, Named
from modelseal.state import Namespace, State
from modelseal_registry.append import read_leaf
from modelseal_registry.store import Tx
from modelseal_registry.trial import own_data

_NAMESPACES = indexes.namespace_key("hf://")


@dataclass(frozen=True, slots=True)
class Everybody:
    """All namespaces and the watch-list; of releases and their repos nothing."""

    state: State
    names: Index

    def owner(self, namespace: str) -> Namespace | None:
        return self.state.namespace(namespace)

    def alike(self, claim: Claim) -> tuple[Alike, ...]:
        """Return whom *claim* reads as. Who names this namespace as its own account is not imitated by it."""
        found = self.names.find(Named.of(claim.namespace, claim.title, claim.families))
        own = claim.namespace.lower()
        return tuple(one for one in found if not self._counts_as_its_own(one.namespace, own))

    def _counts_as_its_own(self, namespace: str, account: str) -> bool:
        owner = self.owner(namespace)
        return owner is not None and account in (one.lower() for one in (*owner.claim.accounts, *owner.claim.former))

    def same_hub_owner(self, namespace: str, owner_id: str) -> tuple[str, ...]:
        """Return the other namespaces that say to be of the Hub's owner *owner_id*: it should be none."""
        return tuple(
            sorted(
                one.claim.namespace
                for key, one in self.state.namespaces.items()
                if one.claim.hub_owner_id == owner_id and key != namespace.lower()
            )
        )


def everybody(tx: Tx, origin: str) -> Everybody:
    """Fold what is listed for the registry itself and for any namespace; by locality that is all that counts here."""
    state = State(origin)
    with own_data():
        wanted = {*tx.listed("records", indexes.OPERATORS), *tx.listed("records", indexes.WATCHLIST)}
        for tree, _, text, _ in tx.buckets():
            if tree == "records":
                for key, listed in indexes.parse_bucket(text).items():
                    if key.startswith(_NAMESPACES):
                        wanted.update(listed)
        for index in sorted(wanted):
            with contextlib.suppress(Refused):  # inadmissible: it has no effect
                replay.admit(state, index, read_leaf(tx, index), named_by)
    owners = [
        Named.of(
            one.claim.namespace, one.claim.title, one.claim.families, (*one.claim.accounts, *one.claim.former)
        )
        for _, one in sorted(state.namespaces.items())
    ]  # fmt: skip
    watched = [name for key, name in sorted(state.watched.names.items()) if key not in state.namespaces]
    return Everybody(state, Index([*owners, *map(Named.of, watched)]))
