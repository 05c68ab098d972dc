"""How often an address may ask, and how much a signer may log."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from modelseal.formats import records
from modelseal_registry.limits import Rates, TooMany, Visitors, address_of
from modelseal_registry.quota import DAY, MINUTE, Quota
from modelseal_registry.registry import Registry
from modelseal_registry.shared import Shared
from tests.support import make
from tests.support.make import ORIGIN
from tests.support.registry import OPS, House

ANA, CI, SECOND = make.key("ana"), make.key("ci"), make.key("second")
NS = "hf://acme-lab"
SMALL = Quota(releases_per_day=3, releases_per_repo=2, repos_per_signer=2, revocations_per_minute=1)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


# addresses


def test_a_minutes_worth_may_come_at_once_and_then_one_after_the_other() -> None:
    clock = Clock()
    rates = Rates(Shared.create(1), clock)
    assert [rates.wait_s("writes", "192.0.2.1", 6) for _ in range(8)] == [0] * 6 + [10, 10]
    clock.now += 9
    assert rates.wait_s("writes", "192.0.2.1", 6) == 1
    clock.now += 1
    assert [rates.wait_s("writes", "192.0.2.1", 6) for _ in range(2)] == [0, 10]
    clock.now += 3600
    assert [rates.wait_s("writes", "192.0.2.1", 6) for _ in range(7)] == [0] * 6 + [10]


@pytest.mark.parametrize("most", [1, 7, 60, 120, 6000, 10**9])
def test_a_full_minute_fits_whatever_the_rate(most: int) -> None:
    rates = Rates(Shared.create(1), Clock())
    assert not any(rates.wait_s("reads", "a", most) for _ in range(min(most, 10_000)))


def test_addresses_and_kinds_have_limits_of_their_own_and_all_processes_share_them() -> None:
    clock, shared = Clock(), Shared.create(1)
    one, other = Rates(shared, clock), Rates(shared, clock)
    assert one.wait_s("writes", "a", 1) == 0
    assert other.wait_s("writes", "a", 1) == 60
    assert other.wait_s("writes", "b", 1) == other.wait_s("reads", "a", 1) == 0


ADDRESSES: dict[str, tuple[str, str | None, int, str]] = {
    "without proxy": ("192.0.2.1", None, 0, "192.0.2.1"),
    "without proxy the header is a stranger's": ("192.0.2.1", "198.51.100.1", 0, "192.0.2.1"),
    "one proxy": ("127.0.0.1", "198.51.100.1", 1, "198.51.100.1"),
    "one proxy, and a lie before it": ("127.0.0.1", "203.0.113.1, 198.51.100.1", 1, "198.51.100.1"),
    "two proxies": ("127.0.0.1", "203.0.113.1,198.51.100.1, 10.0.0.1", 2, "198.51.100.1"),
    "fewer entries than proxies": ("10.0.0.1", "198.51.100.1", 2, "10.0.0.1"),
    "an entry that is no address": ("10.0.0.1", "unknown", 1, "10.0.0.1"),
    "no header": ("10.0.0.1", None, 1, "10.0.0.1"),
    "IPv6: one network": ("2001:db8:1:2:3:4:5:6", None, 0, "2001:db8:1:2::/64"),
    "IPv6 in brackets": ("10.0.0.1", "[2001:db8:1:2::9]", 1, "2001:db8:1:2::/64"),
    "IPv4 in IPv6": ("::ffff:192.0.2.1", None, 0, "192.0.2.1"),
    "none": ("", None, 0, "unknown"),
}


@pytest.mark.parametrize("case", ADDRESSES)
def test_who_asks(case: str) -> None:
    peer, header, behind, expected = ADDRESSES[case]
    environ = {"REMOTE_ADDR": peer} | ({"HTTP_X_FORWARDED_FOR": header} if header else {})
    assert address_of(environ, behind) == expected
    if "/" in expected:
        ipaddress.ip_network(expected)


def test_who_asks_too_often_is_told_the_limit_and_when_to_come_again() -> None:
    visitors = Visitors(Rates(Shared.create(1), Clock()), reads_per_minute=1, writes_per_minute=2)
    environ = {"REMOTE_ADDR": "192.0.2.1"}
    visitors.admit(environ, writes=False)
    with pytest.raises(TooMany, match=r"192\.0\.2\.1: more than 1 requests") as e:
        visitors.admit(environ, writes=False)
    assert e.value.retry_s == 60
    visitors.admit(environ, writes=True)
    Visitors().admit(environ, writes=True)  # no limits


# signers and namespaces


class Desk:
    """A registry with small limits in front of a house."""

    def __init__(self, folder: Path, quota: Quota = SMALL, observers: Sequence[make.Private] = ()) -> None:
        self.house = House(folder, observers=observers)
        self.house.adopt(NS, [ANA], [(CI, f"{NS}/*"), (SECOND, f"{NS}/*")])
        self.front = Registry(
            self.house.store, ORIGIN, self.house.public, clock=lambda: self.house.now, wait_s=0, wake=self.house.run,
            quota=quota,
        )  # fmt: skip
        self.house.now += DAY - self.house.now % DAY  # a new day

    def seal(self, repo: str, number: int, by: make.Private = CI) -> tuple[int, Any]:
        return self.front.submit(make.sealed(by, f"{NS}/{repo}", number))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_releases_are_limited_by_repo_by_repos_and_by_day(desk: Desk) -> None:
    assert [desk.seal("a", 1)[0], desk.seal("a", 2)[0]] == [200, 200]
    status, answer = desk.seal("A", 3)
    assert (status, answer["error"]) == (429, f"releases of {NS}/a by this signer: 2 at most")
    assert desk.seal("b", 4)[0] == 200
    status, answer = desk.seal("b", 5)
    assert (status, answer["error"]) == (429, "releases by this signer in a day: 3 at most")
    assert 0 < answer["retry_s"] <= DAY
    assert desk.seal("b", 5, SECOND)[0] == 200, "another signer has limits of its own"
    desk.house.now += DAY
    assert desk.seal("b", 6)[0] == 200
    assert desk.seal("c", 7)[1]["error"] == "repos sealed by this signer: 2 at most"
    desk.house.check()


def test_a_namespace_has_ten_times_the_limits_of_a_signer(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Quota(releases_per_day=1, releases_per_repo=1))
    signers = [make.key(f"signer {n}") for n in range(11)]
    claim = make.claim(NS, [ANA], [(CI, f"{NS}/*"), (SECOND, f"{NS}/*")])
    new = make.key_set([ANA], [(one, f"{NS}/*") for one in signers])
    desk.house.logged(make.submission(make.keys(NS, new, seq=2, prev=make.digest(claim)), [ANA]))
    found = [desk.seal(f"r{at}", at, one) for at, one in enumerate(signers)]
    assert [status for status, _ in found] == [200] * 10 + [429]
    assert found[-1][1]["error"] == f"releases of {NS} in a day: 10 at most"


def test_what_waits_already_or_is_logged_is_not_counted_again(desk: Desk) -> None:
    first = make.sealed(CI, f"{NS}/a", 1)
    front = Registry(desk.house.store, ORIGIN, desk.house.public, clock=lambda: desk.house.now, wait_s=0, quota=SMALL)
    assert [front.submit(first)[0] for _ in range(9)] == [202] * 9
    desk.house.run()
    assert [front.submit(first)[0] for _ in range(9)] == [200] * 9
    assert desk.seal("a", 2)[0] == 200


def test_revocations_are_counted_by_key_so_that_a_stolen_one_keeps_nobody_from_revoking(desk: Desk) -> None:
    def revoke(number: int, by: make.Private) -> tuple[int, Any]:
        sealed = make.sealed(CI, f"{NS}/a", number)
        seal = records.parse_record(_record(sealed))
        assert isinstance(seal, records.Release)
        text = make.revocation(NS, repo=f"{NS}/a", seal=seal.seal.hex())
        return desk.front.submit(make.submission(text, [by]))

    for number in (1, 2):
        assert desk.seal("a", number)[0] == 200
    assert revoke(1, CI)[0] == 200
    status, answer = revoke(2, CI)
    assert status == 429 and 0 < answer["retry_s"] <= MINUTE
    assert revoke(2, ANA)[0] == 200


def test_an_observer_has_a_day_and_a_repo_has_one_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Quota(observations_per_day=3, observations_per_repo=2), observers=[CI, SECOND])

    def observe(repo: str, number: int, by: make.Private = CI) -> tuple[int, Any]:
        return desk.front.submit(
            make.submission(make.observation(f"hf://openai/{repo}", make.revision(number), by), [by])
        )

    assert [observe("gpt", number)[0] for number in (1, 2)] == [200, 200]
    status, answer = observe("GPT", 3)
    assert status == 429 and "observations of hf://openai/GPT by this observer in a day: 2 at most" in answer["error"]
    assert observe("gpt", 3, SECOND)[0] == 200
    assert observe("other", 1)[0] == 200
    status, answer = observe("third", 1)
    assert status == 429 and "observations by this observer in a day: 3 at most" in answer["error"]
    desk.house.now += DAY
    assert observe("gpt", 3)[0] == 200
    assert desk.front.submit(make.submission(make.withdrawal("hf://openai/gpt", make.revision(1)), [OPS]))[0] == 200


def _record(sealed: bytes) -> str:
    return str(json.loads(sealed)["record"])


def test_the_seal_of_somebody_who_may_not_seal_is_not_even_read(desk: Desk) -> None:
    for signer, status, words in ((make.key("eve"), 403, "may not seal"), (CI, 400, "not JSON")):
        sealed = make.sealed(signer, f"{NS}/a", 1)
        unreadable = sealed.replace(b',"seal":"', b',"seal":"\\x' + b"a" * (20 << 20), 1)
        answered, body = desk.front.submit(unreadable)
        assert (answered, words in body["error"]) == (status, True), body


def test_the_numbers_of_the_past_are_forgotten(desk: Desk) -> None:
    desk.seal("a", 1)
    with desk.house.store.read() as tx:
        (day,) = {until for _, until in rows(tx) if until}
    desk.house.now += DAY
    desk.seal("a", 2)
    with desk.house.store.read() as tx:
        assert {until for _, until in rows(tx)} == {0, day + DAY}


def rows(tx: Any) -> list[tuple[str, int]]:
    return [tuple(row) for row in tx._db.exec_driver_sql('SELECT subject, "until" FROM usage')]


def test_the_limits_are_those_that_are_written_down() -> None:
    assert dataclasses.asdict(Quota()) == {
        "releases_per_day": 100, "releases_per_repo": 1000, "repos_per_signer": 1000, "revocations_per_minute": 60,
        "observations_per_day": 10_000, "observations_per_repo": 24,
    }  # fmt: skip
