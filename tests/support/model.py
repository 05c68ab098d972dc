"""The rules once more, as a reader of FORMAT.md 6 might first write them: slow, over plain JSON, from the whole log.

Nothing is kept but the admitted records; every question walks through all of them again. What the program's State
says is compared with this.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

DAY = 86_400
Record = dict[str, Any]
People = frozenset[str]  # fingerprints


def keys(members: list[Record]) -> People:
    return frozenset(one["sha256"] for one in members)


def enough(by: People, members: list[Record], least: int) -> bool:
    return len(by & keys(members)) >= least


def owner_of(repo: str) -> str:
    return "hf://" + repo.split("/")[-2]


def covers(scope: str, repo: str) -> bool:
    return scope in (repo.lower(), repo.lower().rpartition("/")[0] + "/*")


def about(r: Record) -> str | None:
    if r["type"] == "identity":
        return str(json.loads(r["claim"])["namespace"])
    return owner_of(r["repo"]) if r["type"] == "release" else r.get("namespace")


@dataclass
class Owner:
    name: str
    claim: str
    chain: tuple[int, str]
    turn: int
    now: Record  # key set in force
    waits: list[Any] | None = None  # due, key set, digest, controllers then
    recovery: list[Any] | None = None
    suspended: tuple[int, int] | None = None  # since, until
    retired: bool = False

    def settle(self, time: int) -> Owner:
        for due, what in sorted((one[0], what) for what in ("waits", "recovery") if (one := getattr(self, what))):
            if due <= time and (change := getattr(self, what)):
                self.now = change[1]
                self.waits = None  # a recovery leaves nothing of it, and else it is in force
                self.recovery = None if what == "recovery" else self.recovery
        return self


@dataclass
class Model:
    origin: str
    log: list[tuple[int, Record, str, People]] = field(default_factory=list)

    def admit(self, index: int, time: int, text: str, by: People, claimed: People) -> bool:
        r: Record = json.loads(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        good = r["origin"] == self.origin and all(digest != old for _, _, old, _ in self.log)
        if good and index == 0:
            good = r["type"] == "operators" and r["seq"] == 1 and not by
        elif good:
            good = bool(getattr(self, r["type"])(r, time, by, claimed))
        if good:
            self.log.append((time, r, digest, by))
        return good

    def newest(self, type_: str) -> tuple[Record | None, int, str | None]:
        """The newest record of a chain, and its place."""
        found = [(r, r["seq"], digest) for _, r, digest, _ in self.log if r["type"] == type_]
        return found[-1] if found else (None, 0, None)

    def operated(self, by: People, least: int | None = None) -> bool:
        operators = self.newest("operators")[0]
        assert operators
        return by <= keys(operators["keys"]) and enough(by, operators["keys"], least or operators["threshold"])

    def owner(self, name: str, time: int) -> Owner | None:
        v: Owner | None = None
        for at, r, digest, by in self.log:
            if (about(r) or "").lower() != name.lower():
                continue
            kind = r["type"]
            v = v.settle(at) if v else None
            if kind == "identity":
                claim = json.loads(r["claim"])
                if v is None:
                    v = Owner(claim["namespace"], "", (0, ""), 0, claim["key_set"])
                if r["claim"] != v.claim:
                    v.claim, v.chain = r["claim"], (claim["seq"], hashlib.sha256(r["claim"].encode()).hexdigest())
            assert v
            v.turn = r.get("turn", v.turn)
            if kind == "keys":
                old, new = keys(v.now["controllers"]), keys(r["key_set"]["controllers"])
                same = v.now["threshold"] == r["key_set"]["threshold"]
                v.chain = (r["seq"], digest)
                if old <= by or (old <= new and same and len(new - old) < v.now["threshold"]):
                    v.now, v.waits = r["key_set"], None
                else:
                    v.waits = [at + 14 * DAY, r["key_set"], digest, v.now["controllers"]]
            elif kind == "recover":
                v.recovery = [at + 14 * DAY, r["key_set"], digest, v.now["controllers"]]
            elif kind == "objection":
                next(one for one in (v.waits, v.recovery) if one and one[2] == r["target"])[0] += 14 * DAY
            elif kind == "suspend":
                v.suspended = (at, at + 14 * DAY)
            elif kind == "lift":
                v.suspended = v.suspended and (v.suspended[0], min(at, v.suspended[1]))
                v.recovery = None
            v.retired |= kind == "retire"
        return v.settle(time) if v else None

    def alive(self, r: Record, time: int) -> Owner | None:
        v = self.owner(about(r) or "", time)
        return v if v and v.name == about(r) and not v.retired else None

    def voided(self, repo: str, release: Record) -> bool:
        return any(
            (r["type"] == "release" and r["repo"].lower() == repo.lower() and r["replaces"] == release["seal"])
            or (r["type"] == "revocation" and r["reason"] != "superseded"
                and (((r["repo"] or "").lower() == repo.lower() and r["seal"] == release["seal"])
                     or (r["namespace"].lower() == owner_of(repo).lower()
                     and (r["fileset"] == release["fileset"] or r["signer"] == release["signer"]))))
            for _, r, _, _ in self.log
        )  # fmt: skip

    def entitled(self, v: Owner, signer: Record, repo: str) -> bool:
        gone = any(
            r["type"] == "revocation" and r["signer"] == signer and r["reason"] != "superseded"
            and r["namespace"] == v.name for _, r, _, _ in self.log
        )  # fmt: skip
        named = any(
            one["sha256"] == signer["sha256"] and one["algorithm"] == signer["algorithm"] and covers(one["scope"], repo)
            for one in v.now["signers"]
        )
        return named and not gone

    def releases(self, repo: str) -> list[Record]:
        return [r for _, r, _, _ in self.log if r["type"] == "release" and r["repo"].lower() == repo.lower()]

    def sightings(self, repo: str) -> list[tuple[int, Record]]:
        """Observations of a repo with the times of their leaves."""
        return [(at, r) for at, r, _, _ in self.log if r["type"] == "observation" and r["repo"].lower() == repo.lower()]

    def counting(self, repo: str, time: int) -> list[Record]:
        operators = self.newest("operators")[0]
        listed = keys(operators["observers"]) if operators else frozenset()
        return [r for at, r in self.sightings(repo) if time - at >= 7 * DAY and r["signer"]["sha256"] in listed]

    def withdrawn(self, repo: str) -> dict[str, str]:
        found = [r for _, r, _, _ in self.log if r["type"] == "withdrawal" and r["repo"].lower() == repo.lower()]
        return {r["revision"]: r["reason"] for r in reversed(found)}  # the first reason stays

    # one for each type

    def operators(self, r: Record, time: int, by: People, claimed: People) -> bool:
        old, seq, digest = self.newest("operators")
        assert old
        both = keys(old["keys"]) | keys(r["keys"])
        counts = enough(by, old["keys"], old["threshold"]) and enough(by, r["keys"], r["threshold"])
        return (r["seq"], r["prev"]) == (seq + 1, digest) and by <= both and counts

    def watchlist(self, r: Record, time: int, by: People, claimed: People) -> bool:
        _, seq, digest = self.newest("watchlist")
        return (r["seq"], r["prev"]) == (seq + 1, digest) and self.operated(by)

    def observation(self, r: Record, time: int, by: People, claimed: People) -> bool:
        operators, signer = self.newest("operators")[0], r["signer"]
        assert operators
        if by != {signer["sha256"]} or signer not in operators["observers"]:
            return False
        before = [
            digest for _, one, digest, _ in self.log
            if one["type"] == "observation" and one["signer"] == signer and one["revision"] == r["revision"]
            and one["repo"].lower() == r["repo"].lower()
        ]  # fmt: skip
        return bool(r["prev"] == (before[-1] if before else None))

    def withdrawal(self, r: Record, time: int, by: People, claimed: People) -> bool:
        return self.operated(by)

    def identity(self, r: Record, time: int, by: People, claimed: People) -> bool:
        claim = json.loads(r["claim"])
        v = self.owner(claim["namespace"], time)
        if not self.operated(by) or (r["basis"] == "web" and not r["evidence"]) or (v and v.retired):
            return False
        if r["turn"] != (v.turn if v else 0) + 1:
            return False
        if v and r["claim"] == v.claim:
            return not claimed
        if v and (claim["namespace"] != v.name or (claim["seq"], claim["prev"]) != (v.chain[0] + 1, v.chain[1])):
            return False
        now = v.now if v else claim["key_set"]
        if not now or not (v or self.inside(claim["namespace"], now)):
            return False
        return claimed <= keys(now["controllers"]) and enough(claimed, now["controllers"], now["threshold"])

    def inside(self, name: str, key_set: Record) -> bool:
        return all(owner_of(one["scope"]) == name.lower() for one in key_set["signers"])

    def keys(self, r: Record, time: int, by: People, claimed: People) -> bool:
        v, new = self.alive(r, time), r["key_set"]
        if not v or (r["seq"], r["prev"]) != (v.chain[0] + 1, v.chain[1]) or not self.inside(v.name, new):
            return False
        counts = all(enough(by, one["controllers"], one["threshold"]) for one in (v.now, new))
        return by <= keys(v.now["controllers"]) | keys(new["controllers"]) and counts

    def objection(self, r: Record, time: int, by: People, claimed: People) -> bool:
        v = self.alive(r, time)
        then = [one[3] for one in (v and v.waits, v and v.recovery) if one and one[2] == r["target"]]
        return bool(then) and bool(by) and by <= keys(then[0])

    def release(self, r: Record, time: int, by: People, claimed: People) -> bool:
        v, signer = self.alive(r, time), r["signer"]["sha256"]
        if not v or (v.suspended and time < v.suspended[1]) or not self.entitled(v, r["signer"], r["repo"]):
            return False
        there = [one["seal"] for one in self.releases(r["repo"]) if one["revision"] == r["revision"]]
        if r["replaces"] is None:
            return not there and by == {signer}
        owners, least = v.now["controllers"], v.now["threshold"]
        good = by <= keys(owners) | {signer} and signer in by and enough(by, owners, least)
        return good and bool(there) and there[-1] == r["replaces"]

    def revocation(self, r: Record, time: int, by: People, claimed: People) -> bool:
        v = self.owner(r["namespace"], time)
        if not v or v.name != r["namespace"]:
            return False
        found = self.releases(r["repo"]) if r["repo"] else []
        own = {
            one["signer"]["sha256"] for one in found
            if one["seal"] == r["seal"] and self.entitled(v, one["signer"], one["repo"])
        }  # fmt: skip
        owners, least = v.now["controllers"], v.now["threshold"]
        return by <= keys(owners) | own and (bool(by & own) or enough(by, owners, least))

    def act(self, r: Record, time: int, by: People, least: int | None = None, *, retired: bool = False) -> Owner | None:
        v = self.owner(r["namespace"], time)
        good = v and v.name == r["namespace"] and r["turn"] == v.turn + 1 and (retired or not v.retired)
        return v if good and self.operated(by, least) else None

    def suspend(self, r: Record, time: int, by: People, claimed: People) -> bool:
        v = self.owner(r["namespace"], time)
        alone = not (v and v.suspended and time < v.suspended[0] + 90 * DAY)
        return self.act(r, time, by, 1 if alone else None, retired=True) is not None

    def lift(self, r: Record, time: int, by: People, claimed: People) -> bool:
        v = self.act(r, time, by, retired=True)
        return bool(v and ((v.suspended and time < v.suspended[1]) or v.recovery))

    def recover(self, r: Record, time: int, by: People, claimed: People) -> bool:
        v = self.act(r, time, by)
        return bool(v and self.inside(v.name, r["key_set"]))

    def retire(self, r: Record, time: int, by: People, claimed: People) -> bool:
        return self.act(r, time, by) is not None
