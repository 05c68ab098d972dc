"""The registry's TUF repository: made once, kept fresh by the online key alone, copied by mirrors."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from modelseal import errors, root
from modelseal.formats import paths
from modelseal.formats.policy import encode_policy
from modelseal.formats.trust import encode_registry
from modelseal_registry import trustroot
from tests.support.make import key
from tests.support.trust import DAY, Files, Repository, trust

NOW = 1_795_542_901


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "trust", now=NOW)


def verified(repository: Repository) -> root.Verified:
    return root.verify(trustroot.saved(repository.folder), hashlib.sha256(repository.first).digest())


def resign(repository: Repository, now: int) -> bool:
    return trustroot.resign(repository.folder, lambda: [repository.online], now)


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ed25519"])
def test_a_new_repository_proves_its_targets_for_its_times(tmp_path: Path, algorithm: str) -> None:
    says = trust()
    folder = tmp_path / "trust"
    first = trustroot.create(
        folder,
        operator_key=key("ops", algorithm).secret,
        online_key=key("online", algorithm).secret,
        policy=encode_policy(says.policy.log, says.policy.own),
        registry=encode_registry(says),
        now=NOW,
    )
    proven = root.verify(trustroot.saved(folder), hashlib.sha256(first).digest())
    assert proven.trust == says
    assert trustroot.expires(folder) == proven.expires
    assert proven.expires == {
        "root": NOW + 365 * DAY,
        "targets": NOW + 365 * DAY,
        "snapshot": NOW + 30 * DAY,
        "timestamp": NOW + 7 * DAY,
    }


def test_the_files_are_in_the_order_in_which_they_may_be_put_in_place(repository: Repository) -> None:
    repository.rotate("ben")
    files = trustroot.files(repository.folder)
    assert [path.rpartition(".")[2] if "targets/" in path else path for path in files] == [
        "policy",
        "json",
        "trust/2.targets.json",
        "trust/2.snapshot.json",
        "trust/1.root.json",
        "trust/timestamp.json",
        "trust/2.root.json",
    ]
    assert all(paths.is_static(path) for path in files)
    assert [path for path in files if not paths.is_immutable(path)] == ["trust/timestamp.json"]
    for path, data in files.items():
        assert (repository.folder.parent / path).read_bytes() == data


def test_a_second_repository_in_one_folder_is_refused(repository: Repository) -> None:
    before = trustroot.files(repository.folder)
    with pytest.raises(errors.Conflict):
        Repository(repository.folder, now=NOW)
    assert trustroot.files(repository.folder) == before


def test_nothing_is_signed_again_before_half_of_its_time(repository: Repository) -> None:
    before = trustroot.files(repository.folder)
    assert not resign(repository, NOW + 7 * DAY // 2)
    assert trustroot.files(repository.folder) == before


def test_the_timestamp_alone_is_signed_again_at_half_life(repository: Repository) -> None:
    then = NOW + 7 * DAY // 2 + 1
    before = trustroot.files(repository.folder)
    assert resign(repository, then)
    assert not resign(repository, then)
    after = trustroot.files(repository.folder)
    assert [path for path in after if after[path] != before.get(path)] == ["trust/timestamp.json"]
    assert verified(repository).expires["timestamp"] == then + 7 * DAY
    assert verified(repository).timestamp == 2


def test_a_year_of_an_idle_registry_stays_fresh_until_the_operators_are_asked(repository: Repository) -> None:
    for day in range(0, 365, 3):
        resign(repository, NOW + day * DAY)
        expires = verified(repository).expires
        assert min(expires.values()) > NOW + day * DAY + 3 * DAY or day > 360
    assert verified(repository).expires["root"] == NOW + 365 * DAY


def test_a_crash_between_snapshot_and_timestamp_leaves_the_old_state_and_heals(repository: Repository) -> None:
    before = trustroot.files(repository.folder)
    (repository.folder / "2.snapshot.json").write_bytes(b"what a killed process left")
    assert trustroot.files(repository.folder) == before
    assert resign(repository, NOW + 16 * DAY)
    assert "trust/2.snapshot.json" in trustroot.files(repository.folder)
    assert verified(repository).expires["snapshot"] == NOW + 46 * DAY


def test_the_online_key_can_neither_change_a_target_nor_name_a_key(repository: Repository) -> None:
    repository.operator = repository.online
    repository.publish(trust("mallory's log"))
    with pytest.raises(errors.Refused, match="targets was signed by 0/1 keys"):
        verified(repository)


def test_a_mirror_serves_byte_for_byte_what_it_verified(repository: Repository) -> None:
    repository.rotate("ben")
    saved = trustroot.saved(repository.folder).encode()
    mirrored = trustroot.copy(Files({}), saved)
    assert mirrored == trustroot.files(repository.folder)
    assert list(mirrored)[-2:] == ["trust/timestamp.json", "trust/2.root.json"]


def test_a_mirror_that_began_later_serves_the_older_roots_too(repository: Repository) -> None:
    second = repository.rotate("ben")
    repository.rotate("cleo")
    files = repository.files()
    whole = trustroot.saved(repository.folder)
    known = root.Saved({k: v for k, v in whole.metadata.items() if k != "1.root.json"}, whole.targets)
    assert root.verify(known, hashlib.sha256(second).digest()).root == 3
    assert trustroot.copy(files, known.encode()) == files
    files["trust/1.root.json"] = Repository(repository.folder.parent / "other", who="mallory", now=NOW).first
    with pytest.raises(errors.Refused, match="root was signed by 0/1 keys"):
        trustroot.copy(files, known.encode())
    with pytest.raises(errors.NotFound):
        trustroot.copy(Files({}), known.encode())
