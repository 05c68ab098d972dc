from __future__ import annotations

from pathlib import Path

import pytest

from modelseal.errors import Error
from modelseal.formats.note import Verifier
from modelseal_registry.check import Difference, check
from modelseal_registry.emitter import static_files
from modelseal_registry.store import open_store
from tests.support import make
from tests.support.make import ORIGIN
from tests.support.registry import OPS, SIGNER, House

ANA, CI = make.key("ana"), make.key("ci", "ed25519")
REPO = "hf://acme-lab/atlas-7b"


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.adopt("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    for number in range(2):
        house.logged(make.sealed(CI, REPO, number))
    house.post(make.submission(make.claim("hf://other", [ANA], [(CI, "hf://other/*")]), [ANA]))
    return house


def test_a_sound_registry_passes_and_says_how_far_it_is(house: House) -> None:
    assert house.check() == house.head()
    assert house.head().size == 8


LEAF = 'UPDATE leaves SET leaf = CAST({} AS BLOB) WHERE "index" = {}'
TILE = "UPDATE {} SET data = CAST(substr(data, 1, {}) || x'00' || substr(data, {}) AS BLOB) WHERE {}"
REPO_BUCKET = "WHERE text LIKE 'repo:%'"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (LEAF.format("replace(leaf, '\"time\":17', '\"time\":16')", 4), "leaf 4: its time"),
        (LEAF.format("replace(leaf, '2901,', '2902,')", 1), "leaf 1: not the one of the stored hash"),
        (LEAF.format("replace(leaf, 'atlas-7b', 'atlas-8b')", 4), r"leaf 4: .*not verify"),
        (LEAF.format("leaf || ' '", 6), "leaf 6: leaf: not canonical"),
        ('UPDATE leaves SET digest = zeroblob(32) WHERE "index" = 3', "leaves: the record digest 3: not"),
        ('DELETE FROM leaves WHERE "index" = 3', "leaf 3 is missing"),
        ('DELETE FROM leaves WHERE "index" = 7', "leaf 7 is missing"),
        ('INSERT INTO leaves SELECT 8, zeroblob(32), leaf FROM leaves WHERE "index" = 7', "leaf 8 is beyond the head"),
        (TILE.format("tiles", 64, 66, "level = 0"), "leaf 2: not the one of the stored hash"),
        ("INSERT INTO tiles VALUES (1, 0, zeroblob(32))", "tiles: level, tile 1 0: too much"),
        (f"UPDATE buckets SET text = replace(text, ' 4 6', ' 4 5') {REPO_BUCKET}", r"bucket records \d+: not what"),
        (f"UPDATE buckets SET since = since + 1 {REPO_BUCKET}", r"bucket records \d+: not what"),
        ("DELETE FROM buckets WHERE text LIKE 'file:%'", r"bucket files \d+: missing"),
        (TILE.format("index_tiles", 8191, 8193, "number = 256"), "index tiles: tree, tile (files|records) 256: not"),
        (TILE.format("index_tiles", 0, 2, "number = 178"), "index tiles: tree, tile records 178: not what"),
        ("UPDATE retired SET time = time + 1", "retired: index object "),
        ("INSERT INTO retired VALUES (zeroblob(32), 1)", "retired: index object 0000"),
        ("UPDATE seals SET text = replace(text, 'sig', 'gis')", "seal [0-9a-f]{64}: the text"),
        ('UPDATE seals SET "index" = 5 WHERE "index" = 4', "seals: leaf, digest 4 [0-9a-f]{64}: missing"),
        ("DELETE FROM seals", "seal [0-9a-f]{64} of leaf 4 is missing"),
        ("INSERT INTO seals VALUES (zeroblob(32), 9, '')", "seals: leaf, digest 9 0{64}: too much"),
        ("UPDATE head SET root = zeroblob(32)", "head: "),
        ("UPDATE head SET size = 6", "8 leaves are published, the database has 6"),
        ("UPDATE claims SET submission = CAST(replace(submission, 'Acme', 'Acne') AS BLOB)", r"claim .*not verify"),
        ("UPDATE claims SET digest = zeroblob(32)", r"claim 0000.*another digest"),
        ("INSERT INTO pending VALUES (1, zeroblob(32), x'7b7d', NULL, 1, NULL, NULL)", r"pending 0000.*v is missing"),
    ],
)
def test_damage_in_each_table_is_named(house: House, damage: str, words: str) -> None:
    with house.store.write() as tx:
        assert tx._db.exec_driver_sql(damage).rowcount > 0
    with pytest.raises(Difference, match=words):
        house.check()


def test_every_static_file_is_compared_byte_by_byte(house: House) -> None:
    seen: set[tuple[str, bool]] = set()
    for path, data in house.files().items():
        kind = "tile" if path.startswith("tile/0") else path.rpartition("/")[0] or path
        target = house.public / path
        # thoroughly for one of each kind that the checkpoint needs and one that it does not
        first = (kind, _not_needed(house, path)) not in seen
        seen.add((kind, _not_needed(house, path)))
        positions = {len(data) // 2, *((0, len(data) - 1) if first else ())} if data else {-1}
        for at in positions:
            target.write_bytes(b"x" if at < 0 else data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(Error):
                house.check()
        for bad in (data[:-1], data + b"\n", None) if first else ():
            if bad == data:
                continue
            target.unlink(missing_ok=True)
            if bad is not None:
                target.write_bytes(bad)
            if bad is None and _not_needed(house, path):
                house.check()
                continue
            with pytest.raises(Difference, match="checkpoint" if path == "checkpoint" else path.replace(".", r"\.")):
                house.check()
        target.write_bytes(data)
    kinds = {"checkpoint", "tile", "tile/entries/000.p", "index", "seal/sha256", "trust"}
    assert seen == {(kind, False) for kind in kinds} | {(k, True) for k in ("tile", "tile/entries/000.p", "index")}
    house.check()


def _not_needed(house: House, path: str) -> bool:
    """Of an older checkpoint: it may have been removed."""
    with house.store.read() as tx:
        return path not in {*dict(static_files(tx)), *house.trust, "checkpoint"}


@pytest.mark.parametrize(
    "path",
    [
        "index/" + "0" * 64, "seal/sha256/" + "0" * 64, "tile/0/000.p/7x", "tile/0/000.p/200", "tile/0/001",
        "tile/entries/001.p/1", "tile/5/000", "hello.txt", ".hidden", "trust/extra.html",
    ],
)  # fmt: skip
def test_what_does_not_belong_into_the_folder_is_named(house: House, path: str) -> None:
    (house.public / path).parent.mkdir(parents=True, exist_ok=True)
    (house.public / path).write_bytes(b"")
    with pytest.raises(Difference, match="nothing that belongs here"):
        house.check()


def test_a_commit_that_is_not_emitted_yet_is_no_difference(house: House) -> None:
    real, house.sequencer.publish = house.sequencer.publish, lambda **_: None  # type: ignore[method-assign]
    assert house.post(make.sealed(CI, REPO, 5))[0] == 202
    assert house.check().size == 10
    for path, data in list(_all(house))[:3]:  # a part of an emission that was interrupted
        (house.public / path).parent.mkdir(parents=True, exist_ok=True)
        (house.public / path).write_bytes(data)
    assert house.check().size == 10
    real()
    assert house.check().size == 10


def _all(house: House) -> list[tuple[str, bytes]]:
    with house.store.read() as tx:
        return list(static_files(tx, 8))


def test_a_checkpoint_by_other_keys_or_of_another_log_is_no_match(house: House, tmp_path: Path) -> None:
    other = make.key("other", "ed25519").public.spki[-32:]
    for log, own in (
        (Verifier(ORIGIN, 1, other), SIGNER.own),
        (SIGNER.log, Verifier(SIGNER.cosigner, 4, other)),
    ):
        with pytest.raises(Difference, match=r"not signed by registry\.example"):
            check(house.store, house.public, ORIGIN, log=log, own=own, trust=house.trust)
    with pytest.raises(Difference, match="8 leaves are published, the database has 0"):
        check(open_store(None), house.public, ORIGIN, log=SIGNER.log, own=SIGNER.own, trust=house.trust)
    with pytest.raises(Difference, match="checkpoint: missing"):
        check(house.store, tmp_path / "none", ORIGIN, log=SIGNER.log, own=SIGNER.own)
    (tmp_path / "other").mkdir()
    another = House(tmp_path / "other", [OPS, make.key("second")])
    another.adopt("hf://acme-lab", [ANA], [(CI, "hf://acme-lab/*")])
    for number in range(2):
        another.logged(make.sealed(CI, REPO, number))
    (house.public / "checkpoint").write_bytes((another.public / "checkpoint").read_bytes())
    with pytest.raises(Difference, match="its root of 8 leaves is not the one of the leaves"):
        house.check()
