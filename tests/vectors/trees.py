"""Vectors of proofs, tiles, entry bundles and the index. The trees are naive ones, not made by the code under test."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from modelseal.formats import index, paths, strict
from modelseal.formats.tiles import tiles_for_old_root
from tests.support import naive
from tests.support.naive import Naive, numbered
from tests.support.vectors import Vector, vector
from tests.vectors import small

TREE = Naive(numbered(700))
OTHER = Naive([naive.leaf(b"other %d" % n) for n in range(700)])


def _lines(hashes: Iterable[bytes]) -> str:
    return "".join(hash_.hex() + "\n" for hash_ in hashes)


def make_inclusion() -> Iterator[Vector]:
    def case(
        phrase: str, expect: str, m: int, n: int, proof: list[bytes], root: bytes, leaf: bytes | None = None
    ) -> Vector:
        headers = [
            ("index", str(m)), ("size", str(n)), ("leaf-hash", (leaf or TREE.hashes[m]).hex()), ("root", root.hex()),
        ]  # fmt: skip
        return vector("inclusion", phrase, expect, _lines(proof), headers)

    for m, n in (
        (0, 1),
        (0, 2),
        (1, 2),
        (2, 3),
        (3, 5),
        (4, 5),
        (6, 7),
        (0, 8),
        (7, 8),
        (255, 256),
        (256, 257),
        (300, 700),
    ):
        yield case(f"leaf {m} of {n}", "ok", m, n, TREE.path(m, 0, n), TREE.root(0, n))
    proof, root = TREE.path(3, 0, 5), TREE.root(0, 5)
    yield case("another index", "malformed", 2, 5, proof, root, TREE.hashes[3])
    yield case("another size", "malformed", 3, 4, proof, root)
    yield case("another leaf", "malformed", 3, 5, proof, root, TREE.hashes[4])
    yield case("another root", "malformed", 3, 5, proof, TREE.root(0, 4))
    yield case("a hash too few", "malformed", 3, 5, proof[:-1], root)
    yield case("a hash too many", "malformed", 3, 5, [*proof, proof[0]], root)
    yield case("no hash", "malformed", 3, 5, [], root)
    yield case("hashes in another order", "malformed", 3, 5, proof[::-1], root)
    yield case("an index outside", "malformed", 5, 5, proof, root)
    yield case("an empty tree", "malformed", 0, 0, [], TREE.root(0, 0))
    yield case("a node instead of a leaf", "malformed", 1, 5, proof[1:], root, TREE.root(2, 4))


def make_consistency() -> Iterator[Vector]:
    def case(phrase: str, expect: str, m: int, n: int, proof: list[bytes], roots: tuple[bytes, bytes]) -> Vector:
        headers = [
            ("old", str(m)), ("old-root", roots[0].hex()), ("new", str(n)), ("new-root", roots[1].hex()),
        ]  # fmt: skip
        return vector("consistency", phrase, expect, _lines(proof), headers)

    for m, n in ((1, 1), (1, 2), (2, 3), (2, 5), (3, 5), (4, 8), (6, 8), (7, 8), (255, 256), (256, 257), (257, 700)):
        roots = (TREE.root(0, m), TREE.root(0, n))
        yield case(f"{m} to {n}", "ok", m, n, TREE.proof(m, 0, n), roots)
    proof, roots = TREE.proof(3, 0, 5), (TREE.root(0, 3), TREE.root(0, 5))
    yield case("a hash too few", "malformed", 3, 5, proof[:-1], roots)
    yield case("a hash too many", "malformed", 3, 5, [*proof, proof[0]], roots)
    yield case("no hash", "malformed", 3, 5, [], roots)
    yield case("no hash, old size a power of two", "malformed", 4, 8, [], (TREE.root(0, 4), TREE.root(0, 8)))
    yield case("hashes in another order", "malformed", 3, 5, proof[::-1], roots)
    yield case("another old root", "malformed", 3, 5, proof, (OTHER.root(0, 3), roots[1]))
    yield case("another new root", "malformed", 3, 5, proof, (roots[0], OTHER.root(0, 5)))
    yield case("another old size", "malformed", 4, 5, proof, roots)
    yield case("backwards", "malformed", 5, 3, proof, (roots[1], roots[0]))
    yield case("from the empty tree", "malformed", 0, 5, [], (TREE.root(0, 0), roots[1]))
    yield case("the same size, two roots", "malformed", 5, 5, [], (OTHER.root(0, 5), roots[1]))
    yield case("the same size, with a hash", "malformed", 5, 5, proof[:1], (roots[1], roots[1]))


def make_old_roots() -> Iterator[Vector]:
    """An old root from tiles under a new one. Body: lines `path hashes-in-hex`."""

    def tiles(old: int, new: int, tree: Naive = TREE) -> dict[str, bytes]:
        return {tile.path: tree.tile(tile.level, tile.index, tile.width) for tile in tiles_for_old_root(old, new)}

    def case(
        phrase: str, expect: str, old: int, new: int, given: dict[str, bytes], root: bytes | None = None
    ) -> Vector:
        headers = [("old", str(old)), ("new", str(new)), ("new-root", (root or TREE.root(0, new)).hex())]
        if expect == "ok":
            headers.append(("old-root", TREE.root(0, old).hex()))
        body = "".join(f"{path} {data.hex()}\n" for path, data in given.items())
        return vector("old-roots", phrase, expect, body, headers)

    for old, new in ((1, 2), (2, 5), (5, 5), (255, 256), (256, 257), (200, 300), (257, 513), (300, 600)):
        yield case(f"{old} under {new}", "ok", old, new, tiles(old, new))
    good = tiles(200, 300)
    full = paths.tile(0, 0, 256)
    yield case("tiles of another log", "malformed", 200, 300, tiles(200, 300, OTHER))
    yield case("the full tile of another log", "malformed", 200, 300, {**good, full: OTHER.tile(0, 0, 256)})
    edge = paths.tile(0, 1, 44)
    yield case("the partial tile of another log", "malformed", 200, 300, {**good, edge: OTHER.tile(0, 1, 44)})
    yield case("a full tile that is short", "malformed", 200, 300, {**good, full: good[full][:-32]})
    yield case("a partial tile that is too wide", "malformed", 200, 300, {**good, edge: TREE.tile(0, 1, 45)})
    yield case("another new root", "malformed", 200, 300, good, OTHER.root(0, 300))
    swapped = good[full][32:64] + good[full][:32] + good[full][64:]
    yield case("two hashes of the full tile swapped", "malformed", 200, 300, {**good, full: swapped})


def make_entries() -> Iterator[Vector]:
    def bundle(leaves: list[bytes]) -> bytes:
        return b"".join(len(one).to_bytes(2, "big") + one for one in leaves)

    def case(phrase: str, expect: str, width: int, data: bytes, leaves: list[bytes] | None = None) -> Vector:
        headers = [("width", str(width))]
        headers += [("leaf-hash", naive.leaf(one).hex()) for one in leaves or ()]
        return vector("entries", phrase, expect, data, headers)

    leaves = list(small.log().leaves)
    good = bundle(leaves)
    yield case("the bundle of FORMAT.md", "ok", 5, good, leaves)
    yield case("an empty leaf", "ok", 2, bundle([b"", b"a"]), [b"", b"a"])
    longest = b"a" * (48 << 10)
    yield case("the longest leaf", "ok", 1, bundle([longest]), [longest])
    full = [b"%d" % n for n in range(256)]
    yield case("256 leaves", "ok", 256, bundle(full), full)
    yield case("a leaf too few", "malformed", 5, bundle(leaves[:-1]))
    yield case("a leaf too many", "malformed", 4, good)
    yield case("the last byte is missing", "malformed", 5, good[:-1])
    yield case("a byte too many", "malformed", 5, good + b"\0")
    yield case("half a length", "malformed", 2, bundle([b"a"]) + b"\0")
    yield case("nothing", "malformed", 1, b"")
    yield case("a leaf that is too long", "malformed", 1, bundle([longest + b"a"]))


def make_index() -> Iterator[Vector]:
    def bucket(phrase: str, expect: str, text: str, lists: dict[str, str] | None = None) -> Vector:
        headers = [("hash", naive.leaf(text.encode()).hex())] if expect == "ok" else []
        headers += [("list", f"{key} {numbers}") for key, numbers in (lists or {}).items()]
        return vector("index/buckets", phrase, expect, text, headers)

    yield bucket("empty", "ok", "")
    yield bucket("one key", "ok", "operators 0\n", {"operators": "0"})
    two = "ns:hf://a 2 17\nrepo:hf://a/b 3 4 9007199254740991\n"
    yield bucket("two keys", "ok", two, {"ns:hf://a": "2 17", "repo:hf://a/b": "3 4 9007199254740991"})
    yield bucket(
        "lines are sorted with their space", "ok", "a 1\na! 1\n", {"a": "1", "a!": "1"}
    )  # the space sorts before every character of a key
    for phrase, text in {
        "no line feed at the end": "operators 0",
        "an empty line": "\n",
        "an empty line at the end": "operators 0\n\n",
        "a key without a leaf": "operators\n",
        "a key with a space only": "operators \n",
        "a space at the end": "operators 0 \n",
        "two spaces": "operators  0\n",
        "a tab": "operators\t0\n",
        "no key": " 0\n",
        "a leading zero": "operators 00\n",
        "a plus sign": "operators +1\n",
        "digits that are not ASCII": "operators \u0661\n",
        "a number of 17 digits": "operators 10000000000000000\n",
        "leaves descend": "operators 2 1\n",
        "a leaf twice": "operators 1 1\n",
        "lines not sorted": "b 1\na 1\n",
        "a line twice": "a 1\na 1\n",
        "a key twice": "a 1\na 2\n",
        "carriage returns": "operators 0\r\n",
    }.items():
        yield bucket(phrase, "malformed", text)

    lists = {"operators": (0,), "ns:hf://acme-lab": (2,), "repo:hf://acme-lab/atlas-7b": (3,)}
    texts = {index.bucket_of(key): f"{key} {' '.join(map(str, found))}\n" for key, found in lists.items()}
    tree = Naive([naive.leaf(texts.get(number, "").encode()) for number in range(65_536)])
    root = tree.root(0, 65_536)

    def lookup(phrase: str, expect: str, key: str, text: str, path: list[bytes], found: str = "") -> Vector:
        headers = [("key", key), ("root", root.hex()), ("path", strict.to_base64(b"".join(path)))]
        if expect == "ok":
            headers.append(("leaves", found))
        return vector("index/lookups", phrase, expect, text, headers)

    def path_of(key: str) -> list[bytes]:
        return tree.path(int.from_bytes(hashlib.sha256(key.encode()).digest()[:2]), 0, 65_536)

    for key, found in lists.items():
        phrase = f"present, {key.partition(':')[0]}"
        yield lookup(phrase, "ok", key, texts[index.bucket_of(key)], path_of(key), " ".join(map(str, found)))
    absent = "repo:hf://acme-lab/atlas-13b"
    yield lookup("absent, in an empty bucket", "ok", absent, "", path_of(absent))
    here = index.bucket_of("operators")
    neighbour = next(k for n in range(10**6) if index.bucket_of(k := f"repo:hf://acme-lab/n{n}") == here)
    yield lookup("absent, in another key's bucket", "ok", neighbour, "operators 0\n", path_of(neighbour))
    key = "repo:hf://acme-lab/atlas-7b"
    text, path = texts[index.bucket_of(key)], path_of(key)
    yield lookup("the bucket of another key", "malformed", key, texts[here], path_of("operators"))
    yield lookup("an empty bucket for a full one", "malformed", key, "", path)
    yield lookup("a leaf left out", "malformed", "ns:hf://acme-lab", "", path_of("ns:hf://acme-lab"))
    yield lookup("a leaf added", "malformed", key, text.replace(" 3\n", " 3 4\n"), path)
    yield lookup("15 hashes", "malformed", key, text, path[:-1])
    yield lookup("17 hashes", "malformed", key, text, [*path, path[0]])
    yield lookup("no hashes", "malformed", key, text, [])
    yield lookup("hashes in another order", "malformed", key, text, path[::-1])

    def object_(phrase: str, expect: str, kind: str, data: bytes, digest: bytes) -> Vector:
        return vector("index/objects", phrase, expect, data, [("kind", kind), ("digest", digest.hex())])

    tile = b"".join(tree.hashes[here // 256 * 256 + n] for n in range(256))
    folded = tree.root(here // 256 * 256, here // 256 * 256 + 256)
    yield object_("a tile", "ok", "tile", tile, folded)
    yield object_("a bucket", "ok", "bucket", b"operators 0\n", naive.leaf(b"operators 0\n"))
    yield object_("the empty bucket", "ok", "bucket", b"", naive.leaf(b""))
    yield object_("a tile whose hashes moved by one", "malformed", "tile", tile[32:] + tile[:32], folded)
    yield object_("a tile of 255 hashes", "malformed", "tile", tile[:-32], folded)
    yield object_("a tile and a byte more", "malformed", "tile", tile + b"\0", folded)
    yield object_("a tile named by its plain digest", "malformed", "tile", tile, hashlib.sha256(tile).digest())
    yield object_("a tile given as a bucket", "malformed", "bucket", tile, folded)
    yield object_("another bucket", "malformed", "bucket", b"operators 1\n", naive.leaf(b"operators 0\n"))


def make_vectors() -> Iterator[Vector]:
    yield from make_inclusion()
    yield from make_consistency()
    yield from make_old_roots()
    yield from make_entries()
    yield from make_index()
