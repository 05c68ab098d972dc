"""Tiles, entry bundles and paths: what is computed from static files is what the tree is, or is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modelseal.errors import Malformed
from modelseal.formats import merkle, paths, tiles
from modelseal.formats.tiles import Tile, Tree, all_tiles, old_root, right_edge, tiles_for_old_root
from tests.support.naive import Naive, leaf, node, numbered
from tests.support.vectors import Vector, changes, check, load, name_of, one, truncations

BOUNDS = (255, 256, 257, 258, 511, 512, 513, 65535, 65536, 65537)
LARGEST = 65_800


@cache
def large() -> Naive:
    """A tree of 65,800 leaves, made when it is first needed."""
    return Naive(numbered(LARGEST))


def of_tree(tree: Naive) -> Callable[[Tile], bytes]:
    return lambda tile: tree.tile(tile.level, tile.index, tile.width)


def read_old_root(case: Vector) -> Iterable[tuple[str, str]]:
    given_ = dict(line.split(" ") for line in case.text.splitlines())

    def get(tile: Tile) -> bytes:
        return bytes.fromhex(given_[tile.path])

    new = int(case.need("new"))
    yield "old-root", old_root(int(case.need("old")), new, bytes.fromhex(case.need("new-root")), get).hex()


@pytest.mark.parametrize("case", load("old-roots"), ids=name_of)
def test_old_root_vectors(case: Vector) -> None:
    check(case, read_old_root)


def read_entries(case: Vector) -> Iterable[tuple[str, str]]:
    leaves = tiles.parse_entries(case.body, int(case.need("width")), "bundle")
    assert tiles.encode_entries(leaves) == case.body
    return [("leaf-hash", leaf(one_).hex()) for one_ in leaves]


@pytest.mark.parametrize("case", load("entries"), ids=name_of)
def test_entry_vectors(case: Vector) -> None:
    check(case, read_entries)


def test_tiles_give_the_root_at_all_sizes_to_300() -> None:
    tree = Naive(numbered(300))
    for size in range(301):
        assert Tree(size, of_tree(tree)).root() == tree.root(0, size)


@pytest.mark.parametrize("size", BOUNDS)
def test_tiles_give_root_and_proofs_at_the_bounds_of_tiles(size: int) -> None:
    naive = large()
    tree = Tree(size, of_tree(naive))
    root = naive.root(0, size)
    assert tree.root() == root
    for m in {0, 1, 254, 255, 256, 257, 511, 512, 65_279, 65_280, 65_535, size - 2, size - 1} & set(range(size)):
        proof = tree.inclusion_proof(m)
        assert proof == naive.path(m, 0, size)
        merkle.check_inclusion(naive.hashes[m], m, size, proof, root)
    for old in {1, 2, *BOUNDS, size - 1, size} & set(range(1, size + 1)):
        proof = tree.consistency_proof(old)
        assert proof == naive.proof(old, 0, size)
        merkle.check_consistency(old, naive.root(0, old), size, root, proof)


def test_old_roots_between_all_sizes_to_300_and_the_bounds_of_tiles() -> None:
    naive = large()
    pairs = [(old, new) for new in range(1, 301) for old in {*range(1, new, 11), new - 1, new} - {0}]
    pairs += [(old, new) for new in (*BOUNDS, LARGEST) for old in (1, 2, 100, 254, *BOUNDS, LARGEST) if old <= new]
    for old, new in pairs:
        assert old_root(old, new, naive.root(0, new), of_tree(naive)) == naive.root(0, old), (old, new)


@settings(max_examples=100)
@given(st.integers(1, LARGEST), st.integers(1, LARGEST))
def test_old_roots_between_any_sizes(a: int, b: int) -> None:
    naive, (old, new) = large(), sorted((a, b))
    wanted = {tile.path for tile in tiles_for_old_root(old, new)}

    def get(tile: Tile) -> bytes:
        assert tile.path in wanted, "a tile that was not announced"
        return naive.tile(tile.level, tile.index, tile.width)

    assert old_root(old, new, naive.root(0, new), get) == naive.root(0, old)
    assert len(wanted) <= 2 * 3 + 3


def test_every_changed_byte_of_every_tile_is_refused_or_gives_the_same_old_root() -> None:
    tree = Naive(numbered(700))
    for old, new in ((200, 300), (256, 600), (513, 700), (5, 5)):
        root, expected = tree.root(0, new), tree.root(0, old)
        for changed in tiles_for_old_root(old, new):
            good = tree.tile(changed.level, changed.index, changed.width)
            for at in range(0, len(good), 1 if len(good) < 2000 else 31):
                bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]

                def get(tile: Tile, changed: Tile = changed, bad: bytes = bad) -> bytes:
                    return bad if tile == changed else tree.tile(tile.level, tile.index, tile.width)

                try:
                    assert old_root(old, new, root, get) == expected
                except Malformed:
                    continue
            for cut in (b"", good[:32], good[:-1], good[:-32], good + bytes(32)):
                if cut == good:
                    continue

                def short(tile: Tile, changed: Tile = changed, cut: bytes = cut) -> bytes:
                    return cut if tile == changed else tree.tile(tile.level, tile.index, tile.width)

                with pytest.raises(Malformed):
                    old_root(old, new, root, short)


class Sparse:
    """A tree of any size whose leaves are all alike but one: full subtrees are known without their leaves."""

    def __init__(self, special: int) -> None:
        self.special = special
        self.plain = [leaf(b"plain")]
        for _ in range(60):
            self.plain.append(node(self.plain[-1], self.plain[-1]))

    @cache  # noqa: B019 -- a tree lives for one example
    def full(self, height: int, at: int) -> bytes:
        """The root over the leaves at * 2^height .. (at + 1) * 2^height - 1."""
        if self.special >> height != at:
            return self.plain[height]
        if height == 0:
            return leaf(b"special")
        return node(self.full(height - 1, 2 * at), self.full(height - 1, 2 * at + 1))

    def root(self, size: int) -> bytes:
        """Folded from the right: the full subtrees of the binary digits of *size*."""
        parts, start = [], 0
        for height in reversed(range(size.bit_length())):
            if size >> height & 1:
                parts.append(self.full(height, start >> height))
                start += 1 << height
        computed = parts.pop()
        while parts:
            computed = node(parts.pop(), computed)
        return computed

    def tile(self, tile: Tile) -> bytes:
        start = tile.index * 256
        return b"".join(self.full(8 * tile.level, start + i) for i in range(tile.width))


@settings(max_examples=60)
@given(st.integers(1, 2**40), st.integers(1, 2**40), st.data())
def test_trees_of_any_size(a: int, b: int, data: st.DataObject) -> None:
    old, new = sorted((a, b))
    special = data.draw(st.integers(0, new - 1))
    sparse = Sparse(special)
    root = sparse.root(new)
    tree = Tree(new, sparse.tile)
    assert tree.root() == root
    merkle.check_inclusion(leaf(b"special"), special, new, tree.inclusion_proof(special), root)
    merkle.check_consistency(old, sparse.root(old), new, root, tree.consistency_proof(old))
    assert old_root(old, new, root, sparse.tile) == sparse.root(old)
    assume(special < old)
    with pytest.raises(Malformed):
        old_root(old, new, Sparse(new).root(new), sparse.tile)


@given(st.integers(1, 2**40))
def test_the_right_edge_is_the_partial_tiles_and_the_top(size: int) -> None:
    edge = right_edge(size)
    assert all(1 <= tile.width < 256 for tile in edge)
    for tile in edge:
        assert tile.index * 256 + tile.width == size >> 8 * tile.level


def test_all_tiles_hold_each_hash_once() -> None:
    for size in (1, 255, 256, 257, 65_535, 65_536, 65_537):
        found = list(all_tiles(size))
        assert len({(tile.level, tile.index) for tile in found}) == len(found)
        for level in range(4):
            assert sum(tile.width for tile in found if tile.level == level) == size >> 8 * level


def test_every_change_of_a_bundle_is_refused_or_gives_other_leaves() -> None:
    """So no root follows from it but its own."""
    case = one("entries/the-bundle-of-format-md")
    leaves = tiles.parse_entries(case.body, 5, "bundle")
    root = merkle.root([merkle.leaf_hash(one_) for one_ in leaves])
    for _, changed in changes(case.body):
        try:
            found = tiles.parse_entries(changed, 5, "bundle")
        except Malformed:
            continue
        assert merkle.root([merkle.leaf_hash(one_) for one_ in found]) != root
    for cut in truncations(case.body):
        with pytest.raises(Malformed, match="bundle: "):
            tiles.parse_entries(cut, 5, "bundle")


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_bundles_read_back(leaves: list[bytes]) -> None:
    data = tiles.encode_entries(leaves)
    assert tiles.parse_entries(data, len(leaves), "bundle") == leaves
    for width in {len(leaves) - 1, len(leaves) + 1}:
        with pytest.raises(Malformed):
            tiles.parse_entries(data, width, "bundle")


PATHS = {
    (0, 0, 256): "tile/0/000", (0, 5, 256): "tile/0/005", (1, 999, 256): "tile/1/999",
    (0, 1000, 12): "tile/0/x001/000.p/12", (2, 1_234_067, 256): "tile/2/x001/x234/067",
    (0, 1_000_000_000, 1): "tile/0/x001/x000/x000/000.p/1",
}  # fmt: skip


@pytest.mark.parametrize("tile", PATHS)
def test_paths_of_tiles(tile: tuple[int, int, int]) -> None:
    assert paths.tile(*tile) == PATHS[tile]
    assert paths.is_immutable(paths.tile(*tile)) and paths.is_immutable(paths.entries(*tile[1:]))
    assert paths.entries(1_234_067, 3) == "tile/entries/x001/x234/067.p/3"


NOT_OURS = (
    "", "/checkpoint", "checkpoint/", "checkpoint\n", "../checkpoint", "tile/0/000/../001", "tile/0/1", "tile/0/0000",
    "tile/100/000", "tile/0/000.p/", "tile/0/x00/000", "index/" + "A" * 64, "index/" + "a" * 63, "seal/" + "a" * 64,
    "trust/root.json", "trust/../keys", "trust/targets/" + "a" * 64 + "./x", "trust/targets/" + "a" * 64,
    "keys/log.key", "tile/0/\u0660\u0660\u0660", "names/" + "a" * 64,
)  # fmt: skip


@pytest.mark.parametrize("path", NOT_OURS)
def test_what_is_no_path_of_ours(path: str) -> None:
    assert not paths.is_static(path)


def test_what_is_a_path_of_ours() -> None:
    for path in ("checkpoint", "trust/timestamp.json"):
        assert paths.is_static(path) and not paths.is_immutable(path)
    digest = bytes(32)
    target = f"trust/targets/{digest.hex()}.registry.json"
    found = [paths.seal(digest), paths.index(digest), "trust/1.root.json", target]
    assert all(paths.is_immutable(path) for path in found)
    assert paths.evidence("hf://datasets/acme/a", None) == "evidence/datasets/acme/a"
    assert paths.evidence("hf://acme/a", "0" * 40) == "evidence/acme/a@" + "0" * 40
