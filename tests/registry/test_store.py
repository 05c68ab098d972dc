from __future__ import annotations

from pathlib import Path

import pytest

from modelseal.errors import Conflict, Error, Unavailable
from modelseal.formats import merkle
from modelseal_registry import store as stores
from modelseal_registry.store import Head, open_store
from modelseal_registry.store.transaction import StoredClaim

EMPTY = Head(0, merkle.EMPTY_ROOT)


def test_a_new_database_holds_the_empty_tree(tmp_path: Path) -> None:
    with open_store(tmp_path / "r.db").read() as tx:
        assert tx.head() == EMPTY


def test_an_exception_rolls_back(tmp_path: Path) -> None:
    store = open_store(tmp_path / "r.db")
    with pytest.raises(KeyError), store.write() as tx:
        tx.move_head(EMPTY, Head(1, b"r" * 32))
        raise KeyError
    with store.read() as tx:
        assert tx.head() == EMPTY


def test_the_head_moves_only_from_where_the_caller_believes_it_to_be(tmp_path: Path) -> None:
    store = open_store(tmp_path / "r.db")
    with store.write() as tx:
        tx.move_head(EMPTY, Head(2, b"r" * 32))
    for old in (EMPTY, Head(2, b"x" * 32)):
        with pytest.raises(Conflict, match="moved on"), store.write() as tx:
            tx.move_head(old, Head(3, b"s" * 32))


def test_a_reader_keeps_its_snapshot_while_another_writes(tmp_path: Path) -> None:
    store, other = open_store(tmp_path / "r.db"), open_store(tmp_path / "r.db")
    with store.read() as tx:
        assert tx.head() == EMPTY
        with other.write() as writer:
            writer.move_head(EMPTY, Head(2, b"r" * 32))
        assert tx.head() == EMPTY
    with store.read() as tx:
        assert tx.head().size == 2


def test_writers_exclude_each_other_and_one_that_waits_too_long_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_BUSY_MS", 50)
    store, other = open_store(tmp_path / "r.db"), open_store(tmp_path / "r.db")
    with store.write(), pytest.raises(Unavailable, match="locked"), other.write():
        pass


def test_every_commit_is_synced(tmp_path: Path) -> None:
    with open_store(tmp_path / "r.db").read() as tx:
        assert tx._db.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert tx._db.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_tables_of_a_newer_program_are_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path / "r.db")
    with store.write() as tx:
        tx._db.exec_driver_sql("UPDATE format SET version = 2")
    with pytest.raises(Error, match="format 2, this program knows 1"):
        open_store(tmp_path / "r.db")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.db").write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(Error, match="not a database"):
        open_store(tmp_path / "r.db")


def test_a_refused_submission_may_try_again_and_a_waiting_one_keeps_its_place() -> None:
    store = open_store(None)
    with store.write() as tx:
        tx.add_pending(b"a", b"first", "seal", 1)
        tx.add_pending(b"b", b"second", None, 2)
        tx.add_pending(b"a", b"again", None, 3)
        assert [w.submission for w in tx.waiting(10, 100)] == [b"first", b"second"]
        tx.refuse_pending(b"a", 409, "sealed already")
        assert tx.refusal(b"a") == (409, "sealed already")
        assert tx.count_waiting() == 1
        tx.add_pending(b"a", b"again", None, 4)
        assert tx.refusal(b"a") is None
        assert [w.submission for w in tx.waiting(10, 100)] == [b"second", b"again"]
        assert [w.submission for w in tx.waiting(1, 100)] == [b"second"]


def test_a_batch_stops_at_its_limit_of_bytes() -> None:
    with open_store(None).write() as tx:
        for digest in (b"a", b"b", b"c"):
            tx.add_pending(digest, b"", "x" * 60, 1)
        assert [w.digest for w in tx.waiting(10, 100)] == [b"a", b"b"]


def test_claims_are_found_by_namespace_and_digest_and_dropped_when_old() -> None:
    with open_store(None).write() as tx:
        tx.put_claim(StoredClaim(b"\xab" * 32, "hf://acme-lab", b"one", 10, "waiting", None))
        tx.put_claim(StoredClaim(b"\xac" * 32, "hf://acme-lab", b"two", 20, "waiting", None))
        assert [c.submission for c in tx.find_claims("hf://Acme-Lab", "ab")] == [b"one"]
        assert len(tx.find_claims("hf://acme-lab", "a")) == 2
        assert tx.count_claims("hf://acme-lab") == (2, 2)
        assert tx.settle_claim(b"\xac" * 32, "refused", "evidence missing")
        assert not tx.settle_claim(b"\xff" * 32, "refused")
        tx.forget_claims(before=15)
        assert [(c.submission, c.state, c.reason) for c in tx.claims()] == [(b"two", "refused", "evidence missing")]
