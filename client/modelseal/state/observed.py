"""Rules of what was seen but not signed by its owner (FORMAT.md 6.9): about the Hub, so no namespace is asked for."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from modelseal.errors import Conflict, Refused
from modelseal.formats.identity import Key
from modelseal.formats.observed import Observation, Withdrawal
from modelseal.state import counting
from modelseal.state.values import Observed, Sighting, State, Voided


def observation(
    state: State, record: Observation, index: int, time: int, digest: bytes, authors: AbstractSet[Key]
) -> None:
    counting.threshold(authors, (record.signer,), 1, "observers")
    if record.signer not in counting.operators(state).observers:
        raise Refused(f"the key SHA256:{record.signer.sha256.hex()} is no observer of this log")
    known = state.observed.get(record.repo.lower()) or Observed()
    last = known.last(record.signer, record.revision)
    if record.prev != (last.digest if last else None):
        after = f"leaf {last.index}, {last.digest.hex()}" if last else "none"
        raise Conflict(f"{record.repo}@{record.revision}: the last observation of it by this observer is {after}")
    known.sightings.append(Sighting(index, time, digest, record))
    state.observed[record.repo.lower()] = known


def withdrawal(state: State, record: Withdrawal, index: int, time: int, authors: AbstractSet[Key]) -> None:
    operators = counting.operators(state)
    counting.threshold(authors, operators.keys, operators.threshold, "operators")
    known = state.observed.setdefault(record.repo.lower(), Observed())
    known.withdrawn.setdefault(record.revision, Voided(index, time, record.reason, None))
