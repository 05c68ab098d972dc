"""What is wrong is said in words for everybody, without paths; what is right in numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelseal.errors import Unavailable
from modelseal_registry.emitter import Published, read_published
from modelseal_registry.health import STUCK_S, Health
from modelseal_registry.shared import Shared
from tests.support import make
from tests.support.registry import SIGNER, House

CI = make.key("ci")
OLDEST_S = 300


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def health(house: House) -> Health:
    def published() -> Published | None:
        return read_published(house.public, SIGNER.own)

    return Health(published, OLDEST_S, Shared.create(1), house.store, lambda: house.now)


def wrong(health: Health) -> str:
    with pytest.raises(Unavailable) as e:
        health.value()
    return str(e.value)


def test_all_is_well(health: Health, house: House) -> None:
    assert health.value() == {"status": "ok", "size": 2, "age_s": 0, "pending": 0, "claims": 0, "leaves": 2}
    assert health.gauges()["healthy"][1] == 1
    house.now += OLDEST_S
    assert health.value()["age_s"] == OLDEST_S


def test_a_checkpoint_that_is_late(health: Health, house: House) -> None:
    house.now += OLDEST_S + 1
    assert wrong(health) == "the checkpoint is 301 s old, at most 300 are expected"
    assert health.gauges()["healthy"][1] == 0


def test_a_checkpoint_that_is_gone_or_is_none(health: Health, house: House) -> None:
    (house.public / "checkpoint").write_text("hello")
    assert wrong(health) == "the checkpoint cannot be read"
    (house.public / "checkpoint").unlink()
    assert wrong(health) == "nothing is published yet"


def test_a_record_that_waits_too_long(health: Health, house: House) -> None:
    house.adopt("hf://acme-lab", [make.key("ana")], [(CI, "hf://acme-lab/*")])
    with house.store.write() as tx:
        tx.add_pending(b"d" * 32, b"{}", None, int(house.now))
    assert health.value()["pending"] == 1
    house.now += STUCK_S + 1
    assert wrong(health) == "a record has waited for 31 s"


def test_a_database_that_cannot_be_read(health: Health, house: House) -> None:
    with house.store.write() as tx:
        tx._db.exec_driver_sql("DROP TABLE pending")
    assert wrong(health) == "the database cannot be read"


def test_a_log_that_cannot_be_written(health: Health) -> None:
    health.shared.set_gauge("trouble", 1)
    assert "not being written" in wrong(health)
    health.shared.set_gauge("trouble", 0)
    assert health.value()["status"] == "ok"
