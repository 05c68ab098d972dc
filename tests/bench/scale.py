"""How much of everything is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    rounds: int
    large: int  # bytes of the one large file
    shard: int  # bytes of each of four
    many: int  # files in the other folder
    many_bytes: int  # bytes of them together
    seconds: float  # of asking a server, per round and contender
    repos: int  # asked for once each, per round
    releases: int  # in each half of the sequencer's row
    records: int  # that are replayed


FULL = Scale(
    rounds=5,
    large=4_000_000_000,
    shard=1_000_000_000,
    many=2_000,
    many_bytes=500_000_000,
    seconds=3,
    repos=250,
    releases=500,
    records=10_000,
)
# To see that the bench works; its figures mean nothing.
SMOKE = Scale(
    rounds=2,
    large=20_000_000,
    shard=5_000_000,
    many=60,
    many_bytes=3_000_000,
    seconds=0.3,
    repos=10,
    releases=20,
    records=40,
)
