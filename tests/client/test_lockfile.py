"""`modelseal.lock`: its bytes. What it does is in test_allowed.py and test_cli_lock.py."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace

import pytest

from modelseal import lockfile
from modelseal.errors import Malformed
from modelseal.formats import manifest, paths
from modelseal.formats.manifest import File
from modelseal.lockfile import Entry, Lock
from tests.support import make, schemas
from tests.support.toml import as_json
from tests.support.world import World

DATE = 1_795_542_901
FILES = (
    File("config.json", 2, b"\x01" * 32),
    File('odd "name"', 0, b"\x02" * 32),
    File("gpj.\u202exe.py", 7, b"\x03" * 32),
    File("sub/naïve 模型.bin", 1 << 40, b"\x04" * 32),
)
UNSEALED = tuple(sorted(FILES, key=lambda one: one.name))


def entries(origin: str) -> tuple[Entry, ...]:
    fileset = manifest.fileset(UNSEALED)
    return (
        Entry(
            "hf://acme-lab/atlas-7b", make.revision(1), "sealed", b"\x05" * 32, DATE, origin,
            "Acme \"Lab\" (acme.example)", b"\x06" * 32, 4,
        ),
        Entry("hf://datasets/Pinned/set", make.revision(4), "pinned", fileset, DATE, files=UNSEALED),
        Entry("hf://openai/gpt", make.revision(3), "observed", fileset, DATE, origin, leaf=9, files=UNSEALED),
        Entry("hf://someuser/tiny-lm", make.revision(2), "unknown", fileset, DATE, origin, files=UNSEALED),
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole() -> Lock:
    world = World()
    note = world.files()[paths.CHECKPOINT].decode()
    return Lock(((world.signer.origin, note),), entries(world.signer.origin))


def test_it_says_again_what_was_written(whole: Lock) -> None:
    data = lockfile.encode(whole)
    assert lockfile.parse(data, "l") == whole
    assert lockfile.encode(lockfile.parse(data, "l")) == data
    assert lockfile.parse(data.replace(b"\n", b"\r\n"), "l") == whole  # a checkout on Windows
    assert schemas.errors("lock", as_json(tomllib.loads(data.decode()))) == []
    assert lockfile.parse(lockfile.encode(Lock()), "l") == Lock()


def test_what_cannot_be_seen_is_written_so_that_it_can(whole: Lock) -> None:
    text = lockfile.encode(whole).decode()
    assert "\u202e" not in text and r"gpj.\u202exe.py" in text and "模型" in text


def test_a_change_is_a_small_diff_in_a_fixed_order(whole: Lock) -> None:
    other = replace(whole.entries[0], commit=make.revision(7), date=DATE + 1)
    changed = whole.with_entry(other)
    before, after = lockfile.encode(whole).splitlines(), lockfile.encode(changed).splitlines()
    assert len(before) == len(after)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 2  # commit and date
    shuffled = Lock(whole.notes, whole.entries[::-1])
    assert lockfile.encode(shuffled) == lockfile.encode(whole)


def test_the_date_stays_while_all_else_does(whole: Lock) -> None:
    assert whole.with_entry(replace(whole.entries[1], date=DATE + 99)) is whole
    assert whole.find("hf://DATASETS/pinned/SET") == whole.entries[1]
    assert whole.without("hf://OPENAI/gpt").find("hf://openai/gpt") is None


def text(whole: Lock) -> str:
    return lockfile.encode(whole).decode()


ONE = '{name = "x", size = 1, sha256 = "' + "00" * 32 + '"}'

# what is wrong -> what is replaced by what, and a word of what is said
BAD = {
    "not TOML": ("v = 1", "v = ", "not TOML"),
    "another version": ("v = 1", "v = 2", "upgrade needed"),
    "no version": ("v = 1\n", "", "v is missing"),
    "no end": ("[end]\n", "", "end is missing"),
    "something in the end": ("[end]\n", "[end]\nx = 1\n", "expected {}"),
    "an unknown key": ("v = 1", "v = 1\nmore = 1", "unknown field 'more'"),
    "an unknown key of a log": ("[[log]]", "[[log]]\nkey = 1", "unknown field 'key'"),
    "an unknown key of a repo": ("leaf = 4", "leaf = 4\naccepted = true", "unknown field 'accepted'"),
    "an unknown key of a file": ("size = 2,", "size = 2, x = 1,", "unknown field 'x'"),
    "a note of another log": ('origin = "registry.example"', 'origin = "other.example"', "not one of other.example"),
    "a note that is none": ("— registry.example ", "- registry.example ", "checkpoint"),
    "no repo of ours": ("hf://acme-lab/atlas-7b", "acme-lab/atlas-7b", "has not the form"),
    "a branch for a commit": (make.revision(1), "main", "has not the form"),
    "a verdict that locks nothing": ('"sealed"', '"failed"', "failed is none of"),
    "a date that is a text": ("date = 2026", 'date = "2026"#', "not a time"),
    "a date without a zone": ("Z\n", "\n", "not a time"),
    "a leaf that is a text": ("leaf = 4", 'leaf = "4"', "not an integer"),
    "a negative leaf": ("leaf = 4", "leaf = -4", "not an integer"),
    "sealed without a seal": (f'seal = "{"06" * 32}"\n', "", "seal is missing"),
    "sealed by no log": ('log = "registry.example"\nleaf = 4', "leaf = 4", "log is missing"),
    "sealed, with files": ("leaf = 4", f"leaf = 4\nfiles = [{ONE}]", "files stands"),
    "unknown, with a publisher": ('verdict = "unknown"', 'verdict = "unknown"\npublisher = "x"', "publisher stands"),
    "pinned by a log": ('verdict = "pinned"', 'verdict = "pinned"\nlog = "registry.example"', "log stands there"),
    "another size": ("size = 2,", "size = 3,", "its fileset is not that of its files"),
    "another digest": ("01" * 32, "11" * 32, "its fileset is not that of its files"),
    "a name that is a path": ('"config.json"', '"../config.json"', "not allowed"),
    "an ignored name": ('"config.json"', '".gitattributes"', "ignored name"),
    "files out of order": ('"config.json"', '"zconfig.json"', "not sorted"),
    "a repo twice": ("hf://openai/gpt", "hf://someuser/tiny-lm", "differ only in case"),
    "a repo twice in another case": ("hf://openai/gpt", "hf://SomeUser/tiny-lm", "differ only in case"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_is_not_understood_refuses_the_file(whole: Lock, what: str) -> None:
    old, new, says = BAD[what]
    assert old in text(whole)
    with pytest.raises(Malformed, match=re.escape(says)):
        lockfile.parse(text(whole).replace(old, new).encode(), "l")


def test_the_schema_refuses_more_and_less(whole: Lock) -> None:
    value = as_json(tomllib.loads(text(whole)))
    for number, one in enumerate(value["repo"]):
        for key in [*one, "more"]:
            repo = {k: v for k, v in one.items() if k != key} if key in one else {**one, key: 1}
            there = [*value["repo"][:number], repo, *value["repo"][number + 1 :]]
            refused = bool(schemas.errors("lock", {**value, "repo": there}))
            assert refused == ((one["verdict"], key) != ("observed", "leaf")), (one["verdict"], key)


def test_a_log_twice_and_a_huge_file_are_refused(whole: Lock) -> None:
    block = text(whole)[text(whole).index("[[log]]") : text(whole).index("[[repo]]")]
    with pytest.raises(Malformed, match="twice"):
        lockfile.parse(text(whole).replace(block, block + block).encode(), "l")
    with pytest.raises(Malformed, match="larger than"):
        lockfile.parse(b"#" * (lockfile.MAX_LOCK + 1), "l")


def test_no_part_of_it_is_taken_for_the_whole(whole: Lock) -> None:
    data = lockfile.encode(whole)
    for end in range(len(data)):
        try:
            assert lockfile.parse(data[:end], "l") == whole
        except Malformed:
            continue


@pytest.mark.parametrize("byte", [b'"', b"0", b"\xff"])
def test_any_changed_byte_is_a_lock_or_refused(whole: Lock, byte: bytes) -> None:
    data = lockfile.encode(Lock(whole.notes, whole.entries[:2]))
    for at in range(len(data)):
        try:
            found = lockfile.parse(data[:at] + byte + data[at + 1 :], "l")
        except Malformed as e:
            assert str(e).isprintable()
            continue
        assert lockfile.parse(lockfile.encode(found), "l") == found


@pytest.mark.parametrize("name", ["a\\b", "x\ny", "CON", "a/", "/a", "a//b", "é" * 3000])
def test_no_name_gets_in_that_no_seal_could_hold(whole: Lock, name: str) -> None:
    with pytest.raises(Malformed):
        lockfile.parse(lockfile.encode(Lock((), (replace(whole.entries[1], files=(File(name, 1, b"\1" * 32),)),))), "l")
