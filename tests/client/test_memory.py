from __future__ import annotations

import hashlib
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from modelseal.errors import Error, Malformed, Misbehaviour, Refused, Usage
from modelseal.formats.trust import Head, Revoked
from modelseal.memory import Memory

ORIGIN = "log.example/one"
LEAF0 = b"\x01" * 32
VKEY = "log.example/one+12345678+key"


def head(size: int, *, time: int = 1000, root: bytes | None = None, note: str = "note") -> Head:
    return Head(size, root or hashlib.sha256(b"%d" % size).digest(), f"{note} {size}\n", VKEY, time)


def revoked(number: int) -> Revoked:
    digest = hashlib.sha256(b"%d" % number).digest()
    return Revoked(
        frozenset({(f"hf://ns/name{number}", digest)}),
        frozenset({("hf://ns", digest)}),
        frozenset({("hf://é", digest)}),
    )


def the_file(home: Path) -> Path:
    [path] = (home / "memory").glob("*.json")
    return path


def test_what_is_remembered_is_there_for_the_next_process(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "home", ORIGIN)
    assert (memory.leaf0(), memory.head(), memory.revoked()) == (None, None, Revoked())
    assert not (tmp_path / "home").exists()
    memory.pin(LEAF0)
    memory.advance(head(12), revoked(1))
    again = Memory(tmp_path / "home", ORIGIN)
    assert (again.leaf0(), again.head(), again.revoked()) == (LEAF0, head(12), revoked(1))
    other = Memory(tmp_path / "home", "log.example/two")
    assert (other.leaf0(), other.head(), other.revoked()) == (None, None, Revoked())


def test_the_file_is_canonical_and_for_its_owner_only(tmp_path: Path) -> None:
    Memory(tmp_path, "log.example").advance(Head(2, bytes(32), "n\n", "v", 5), revoked(1))
    path = the_file(tmp_path)
    assert path.name == hashlib.sha256(b"log.example").hexdigest()[:32] + ".json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    digest = hashlib.sha256(b"1").hexdigest()
    assert path.read_text("utf-8") == (
        f'{{"head":{{"log":"v","note":"n\\n","root":"{"00" * 32}","size":2,"time":5}},"leaf0":null,'
        f'"origin":"log.example","revoked":{{"filesets":[["hf://ns","{digest}"]],'
        f'"seals":[["hf://ns/name1","{digest}"]],"signers":[["hf://é","{digest}"]]}},"v":1}}'
    )


def test_another_beginning_of_a_pinned_log_is_refused(tmp_path: Path) -> None:
    memory = Memory(tmp_path, ORIGIN)
    memory.pin(LEAF0)
    memory.pin(LEAF0)
    with pytest.raises(Refused, match=f"log.example/one: begins with leaf {'02' * 32}, pinned is {'01' * 32}") as e:
        memory.pin(b"\x02" * 32)
    assert e.value.hint == "remove, and add by the new fingerprint"
    assert memory.leaf0() == LEAF0
    memory.forget()
    memory.pin(b"\x02" * 32)
    assert memory.leaf0() == b"\x02" * 32


@pytest.mark.parametrize(
    ("what", "next_head", "moves"),
    [
        ("larger", head(13, time=900), True),
        ("larger and later", head(13, time=2000), True),
        ("the same tree later", head(12, time=1001), True),
        ("the same tree at the same time", head(12, time=1000, note="other"), False),
        ("the same tree earlier", head(12, time=999), False),
        ("smaller though later", head(11, time=2000), False),
        ("none", None, False),
    ],
)
def test_the_head_only_moves_forward(tmp_path: Path, what: str, next_head: Head | None, moves: bool) -> None:
    Memory(tmp_path, ORIGIN).advance(head(12), Revoked())
    memory = Memory(tmp_path, ORIGIN)
    assert memory.head() == head(12)
    memory.advance(next_head, revoked(7))
    assert memory.head() == (next_head if moves else head(12)), what
    assert memory.revoked() == revoked(7)


def test_another_root_for_the_size_that_is_kept_is_misbehaviour_with_both_notes(tmp_path: Path) -> None:
    memory = Memory(tmp_path, ORIGIN)
    memory.advance(head(12), Revoked())
    fork = head(12, root=b"\x09" * 32, time=2000, note="fork")
    with pytest.raises(Misbehaviour, match=r"log.example/one: two roots for size 12") as e:
        memory.advance(fork, revoked(3))
    assert (e.value.older, e.value.newer) == ("note 12\n", "fork 12\n")
    assert (memory.head(), memory.revoked()) == (head(12), revoked(3))
    with pytest.raises(Refused, match="two roots"):  # another log key: no key has signed two things
        memory.advance(replace(fork, log="another key"), Revoked())


def test_a_head_that_was_not_checked_against_what_another_process_kept_stays_out(tmp_path: Path) -> None:
    first, second = Memory(tmp_path, ORIGIN), Memory(tmp_path, ORIGIN)
    first.advance(head(5), Revoked())
    assert (first.head(), second.head()) == (head(5), head(5))
    first.advance(head(10), Revoked())
    second.advance(head(12), revoked(2))  # decided from 5; whether 12 extends 10 nobody has looked at
    assert (second.head(), second.revoked()) == (head(10), revoked(2))
    second.advance(head(12), Revoked())
    assert first.head() == head(12)


def test_revocations_are_only_added(tmp_path: Path) -> None:
    memory = Memory(tmp_path, ORIGIN)
    memory.advance(None, revoked(1))
    memory.advance(None, revoked(2))
    memory.advance(None, Revoked())
    assert memory.revoked() == revoked(1) | revoked(2)


def test_forgetting_drops_everything_and_needs_nothing_there(tmp_path: Path) -> None:
    memory = Memory(tmp_path, ORIGIN)
    memory.forget()
    assert list(tmp_path.iterdir()) == []
    memory.pin(LEAF0)
    memory.advance(head(12), revoked(1))
    memory.forget()
    memory.forget()
    assert (memory.leaf0(), memory.head(), memory.revoked()) == (None, None, Revoked())


def test_what_the_remembered_head_continues_is_known_of_that_head_only(tmp_path: Path) -> None:
    memory = Memory(tmp_path, ORIGIN)
    memory.continued("older", head(12))  # nothing is remembered: nothing is known
    memory.advance(head(12), Revoked())
    for other in (head(11), head(13), head(12, root=b"\1" * 32)):
        memory.continued("older", other)
    assert not memory.continues("older")
    memory.continued("older", head(12))
    for number in range(40):
        memory.continued(f"note {number}", head(12))
    assert Memory(tmp_path, ORIGIN).continues("note 39") and not memory.continues("older")  # the newest are kept
    assert not Memory(tmp_path, "log.example/two").continues("note 39")
    memory.forget()
    assert not memory.continues("note 39")


def test_a_damaged_file_is_an_error_that_names_it_and_is_left_as_it_is(tmp_path: Path) -> None:
    memory = Memory(tmp_path, ORIGIN)
    memory.pin(LEAF0)
    memory.advance(head(12), revoked(1))
    path = the_file(tmp_path)
    whole = path.read_bytes()
    damaged = {
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "zeros": bytes(len(whole)),
        "another log's": whole.replace(b"log.example/one", b"log.example/two"),
        "newer": whole.replace(b'"v":1', b'"v":2'),
        "more": whole.replace(b'"v":1', b'"v":1,"w":1'),
        "spaced": whole.replace(b'"v":1', b'"v": 1'),
        "no head": whole.replace(b'"size":12', b'"size":0'),
        "digest": whole.replace(b'"leaf0":"01', b'"leaf0":"1'),
    }
    for what, data in damaged.items():
        path.write_bytes(data)
        for act in (memory.head, memory.leaf0, memory.revoked, lambda: memory.pin(LEAF0)):
            with pytest.raises(Malformed, match=path.name) as e:
                act()
            assert e.value.hint, what
        with pytest.raises(Malformed):
            memory.advance(head(13), Revoked())
        assert path.read_bytes() == data
    path.unlink()
    path.symlink_to("elsewhere")
    with pytest.raises(Usage, match="a link"):
        memory.head()


def test_a_home_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(Error, match=str(tmp_path / "home" / "memory")):
        Memory(tmp_path / "home", ORIGIN).pin(LEAF0)


RACE = """if True:
    import sys
    from pathlib import Path
    from modelseal.formats.trust import Head, Revoked
    from modelseal.memory import Memory
    first = int(sys.argv[2])
    memory = Memory(Path(sys.argv[1]), "log.example/one")
    memory.pin(b"\\x01" * 32)
    sys.stdin.read()
    last = 0
    for number in range(first, 80, 2):
        kept = memory.head()
        size = kept.size if kept else 0
        assert size >= last, (size, last)
        last = size
        digest = number.to_bytes(32, "big")
        memory.advance(Head(number + 1, digest, "note", "log", 1), Revoked(seals=frozenset({("hf://ns/a", digest)})))
"""


def test_two_processes_at_once_lose_nothing_and_never_go_back(tmp_path: Path) -> None:
    children = [
        subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path), str(first)], stdin=subprocess.PIPE)
        for first in (0, 1)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
    assert [child.wait(60) for child in children] == [0, 0]
    memory = Memory(tmp_path, ORIGIN)
    assert memory.revoked().seals == frozenset(("hf://ns/a", number.to_bytes(32, "big")) for number in range(80))
    assert memory.leaf0() == LEAF0
    kept = memory.head()
    assert kept is not None and kept.root == (kept.size - 1).to_bytes(32, "big")
    assert [path.suffix for path in sorted((tmp_path / "memory").iterdir())] == [".json", ".lock"]
