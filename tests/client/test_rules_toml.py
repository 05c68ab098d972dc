"""`rules.toml`: what it may say, and that all else refuses it. What it then allows is in test_allowed.py."""

from __future__ import annotations

import datetime
import re
import tomllib
from pathlib import Path

import pytest

from modelseal import rules
from modelseal.allowed import MAX_RULES
from modelseal.errors import Malformed
from modelseal.rules import Allowed, Exempt, Rules
from tests.support import schemas
from tests.support.toml import as_json

COMMIT = "356a192b7913b04c54574d18c28d46e6395428ab"
README = Path(__file__).parents[2] / "client/README.md"

WHOLE = f"""
strict = true

[[allow]]
repos = ["hf://openai/*", "datasets/OpenAI/*", "someuser/tiny-lm"]
verdicts = ["observed", "unknown"]
observers = 2

[[allow]]
repos = ["hf://plain/one"]
verdicts = ["pinned"]

[[exception]]
repo = "hf://Acme-Lab/atlas-7b"
commit = "{COMMIT}"
verdict = "failed"
fileset = "{"ab" * 32}"
reason = " withdrawn for its license "
until = 2027-01-31

[[exception]]
repo = "acme-lab/other"
commit = "{COMMIT}"
verdict = "unavailable"
reason = "no network in the lab"
until = 2027-01-31T12:00:00+02:00
"""


def test_all_of_it_is_read() -> None:
    found = rules.parse(WHOLE.encode(), "r")
    assert found == Rules(
        "r",
        True,
        (
            Allowed(("hf://openai/*", "hf://datasets/openai/*", "hf://someuser/tiny-lm"), ("observed", "unknown"), 2),
            Allowed(("hf://plain/one",), ("pinned",), 0),
        ),
        (
            Exempt(
                "hf://acme-lab/atlas-7b",
                COMMIT,
                "failed",
                b"\xab" * 32,
                "withdrawn for its license",
                int(datetime.datetime(2027, 2, 1, tzinfo=datetime.UTC).timestamp()),
            ),
            Exempt(
                "hf://acme-lab/other",
                COMMIT,
                "unavailable",
                None,
                "no network in the lab",
                int(datetime.datetime(2027, 1, 31, 10, tzinfo=datetime.UTC).timestamp()),
            ),
        ),
    )
    assert schemas.errors("rules", as_json(tomllib.loads(WHOLE))) == []


def test_an_empty_file_allows_nothing() -> None:
    assert rules.parse(b"", "r") == rules.parse(b"# nothing\r\n", "r") == Rules("r")
    assert schemas.errors("rules", {}) == []


def test_the_example_of_the_readme_is_one() -> None:
    text = re.search(r"^```toml\n(# rules\.toml.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    assert text is not None
    found = rules.parse(text[1].encode(), "README")
    assert found.allowed and found.exceptions and not found.strict
    assert schemas.errors("rules", as_json(tomllib.loads(text[1]))) == []


ALLOW = '[[allow]]\nrepos = ["a/b"]\nverdicts = ["unknown"]\n'
EXCEPT = f'[[exception]]\nrepo = "a/b"\ncommit = "{COMMIT}"\nverdict = "failed"\nreason = "x"\nuntil = 2027-01-31\n'

# what is wrong -> the file, a word of what is said, whether the schema can say it too
BAD: dict[str, tuple[str | bytes, str, bool]] = {
    "not TOML": ("= 1", "not TOML", False),
    "not UTF-8": (b"\xff", "not UTF-8", False),
    "a key twice": ("strict = true\nstrict = true", "not TOML", False),
    "a day of no calendar": (EXCEPT.replace("01-31", "02-30"), "not TOML", False),
    "an unknown key": ("lax = true", "unknown field 'lax'", True),
    "an unknown key of a rule": (ALLOW + "why = 1", "unknown field 'why'", True),
    "an unknown key of an exception": (EXCEPT + "for = 1", "unknown field 'for'", True),
    "strict that is a text": ('strict = "no"', "not true or false", True),
    "strict that is a number": ("strict = 1", "not true or false", True),
    "a rule that is no list": ("allow = true", "not a list", True),
    "a rule of no repos": (ALLOW.replace('"a/b"', ""), "0 members", True),
    "no repos at all": (ALLOW.replace('repos = ["a/b"]\n', ""), "repos is missing", True),
    "a namespace without its star": (ALLOW.replace("a/b", "a"), "has not the form", True),
    "a star in the middle": (ALLOW.replace("a/b", "*/b"), "has not the form", True),
    "a part of a name": (ALLOW.replace("a/b", "a/b*"), "has not the form", True),
    "everything": (ALLOW.replace("a/b", "*"), "has not the form", True),
    "a verdict that no word accepts": (ALLOW.replace("unknown", "failed"), "failed is none of", True),
    "a verdict in capitals": (ALLOW.replace("unknown", "UNKNOWN"), "none of", True),
    "a verdict twice": (ALLOW.replace('"unknown"', '"unknown", "unknown"'), "occurs twice", True),
    "observed by nobody knows how many": (ALLOW.replace("unknown", "observed"), "observers is missing", True),
    "observed by none": (ALLOW.replace("unknown", "observed") + "observers = 0", "not an integer >= 1", True),
    "observers of what is unknown": (ALLOW + "observers = 1", "unknown field 'observers'", True),
    "a repo in two rules": (ALLOW + ALLOW.replace("a/b", "A/B"), "differ only in case", False),
    "an exception for a namespace": (EXCEPT.replace("a/b", "a/*"), "has not the form", True),
    "an exception for a branch": (EXCEPT.replace(COMMIT, "main"), "has not the form", True),
    "an exception for what a word accepts": (EXCEPT.replace('"failed"', '"unknown"'), "unknown is none of", True),
    "no reason": (EXCEPT.replace('reason = "x"\n', ""), "reason is missing", True),
    "an empty reason": (EXCEPT.replace('"x"', '"  "'), "a reason is wanted", True),
    "no end": (EXCEPT.replace("until = 2027-01-31\n", ""), "until is missing", True),
    "an end that is a text": (EXCEPT.replace("2027-01-31", '"2027-01-31"'), "not a day", False),
    "an end without a zone": (EXCEPT.replace("2027-01-31", "2027-01-31T12:00:00"), "not a day", True),
    "an end that is a time of day": (EXCEPT.replace("2027-01-31", "12:00:00"), "not a day", True),
    "two exceptions for the same": (EXCEPT + EXCEPT.replace("a/b", "A/B"), "two for the same", False),
    "too deep": ("x = " + "[" * 2000, "not TOML", False),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_not_understood_refuses_the_file(what: str) -> None:
    text, says, by_schema = BAD[what]
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(Malformed, match=re.escape(says)):
        rules.parse(data, "r")
    if by_schema:
        assert schemas.errors("rules", as_json(tomllib.loads(data.decode())))


def test_a_huge_file_is_refused_before_it_is_parsed() -> None:
    assert rules.parse(b"#" * MAX_RULES, "r") == Rules("r")
    with pytest.raises(Malformed, match="larger than"):
        rules.parse(b"#" * (MAX_RULES + 1), "r")


def test_a_part_of_the_file_never_allows_more() -> None:
    """Every truncation is refused, or has rules and exceptions of the whole, each as it stands there."""
    whole = rules.parse(WHOLE.encode(), "r")
    for end in range(len(WHOLE)):
        try:
            part = rules.parse(WHOLE.encode()[:end], "r")
        except Malformed:
            continue
        assert set(part.allowed) <= set(whole.allowed)
        for one in part.exceptions:
            assert any(
                (one.repo, one.commit, one.verdict) == (all_.repo, all_.commit, all_.verdict)
                for all_ in whole.exceptions
            )


@pytest.mark.parametrize("byte", [b'"', b"9", b"\xff"])
def test_any_changed_byte_is_rules_or_refused(byte: bytes) -> None:
    data = WHOLE.encode()
    for at in range(len(data)):
        try:
            rules.parse(data[:at] + byte + data[at + 1 :], "r")
        except Malformed as e:
            assert str(e).startswith("r: ") and str(e).isprintable()
