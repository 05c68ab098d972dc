"""`rules.toml`: what people allow to be used although it is not VERIFIED. Pure: text in, rules out.

    [[allow]]
    repos = ["hf://openai/*", "hf://someuser/tiny-lm"]     # repos, or all models of a namespace; datasets/... alike
    verdicts = ["observed", "unknown"]
    observers = 2                                          # with "observed": by at least so many

    [[exception]]
    repo = "hf://acme-lab/atlas-7b"
    commit = "9c1f0d2233ab4455667788990011223344556677"
    verdict = "failed"
    fileset = "<64 hex>"                                   # may be left out where the log has a release at the commit
    reason = "superseded; we change over in January"
    until = 2027-01-31                                     # the last day, in UTC

`strict = true` on top makes every command one with --strict. Without a file nothing is allowed: sealed repos must
verify, no fresh answer blocks, UNKNOWN and OBSERVED are refused. Unknown keys refuse the file.
"""

from __future__ import annotations

import datetime
from typing import Any

from modelseal.allowed import BY_WORD, MAX_RULES
from modelseal.errors import Malformed
from modelseal.formats import names, strict
from modelseal.values import dataclass

MAX_ENTRIES = 4096

BY_EXCEPTION = ("failed", "impersonation", "unofficial-copy", "unavailable", "log-misbehaved")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Repos that may be used although nobody sealed them."""

    repos: tuple[str, ...]  # scopes, lower case
    verdicts: tuple[str, ...]  # of BY_WORD
    observers: int = 0  # at least so many; 0 where "observed" is not allowed


@dataclass(frozen=True, slots=True)
class Exempt:
    """One repo at one commit that may be used until a day, whatever is said of it."""

    repo: str  # lower case
    commit: str
    verdict: str  # of BY_EXCEPTION
    fileset: bytes | None
    reason: str
    until: int  # POSIX seconds: when it ends


@dataclass(frozen=True, slots=True)
class Rules:
    where: str  # the file's name
    strict: bool = False
    allowed: tuple[Allowed, ...] = ()
    exceptions: tuple[Exempt, ...] = ()

    def allows(self, kind: str, repo: str) -> bool:
        """Whether an [[allow]] is for *repo* and the verdict *kind*."""
        return any(
            kind in one.verdicts and any(names.covers(scope, repo) for scope in one.repos) for one in self.allowed
        )


def parse(data: bytes, where: str) -> Rules:
    """Read the file that lies at *where*; Malformed if anything in it is not understood."""
    value = strict.Object(read_toml(data, where, MAX_RULES), where)
    found = Rules(
        where,
        value.take("strict", _flag) if value.has("strict") else False,
        _each(value, "allow", _allowed),
        _each(value, "exception", _exception),
    )
    value.done()
    names.unique_in_lower_case(tuple(repo for one in found.allowed for repo in one.repos), f"{where}: allow")
    about = [(one.repo, one.commit, one.verdict) for one in found.exceptions]
    if len(set(about)) != len(about):
        raise Malformed(f"{where}: exception: two for the same repo, commit and verdict")
    return found


def read_toml(data: bytes, what: str, limit: int) -> dict[str, Any]:
    import tomllib  # most machines have neither file

    try:
        return tomllib.loads(strict.decode(data, what, limit=limit).replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as e:  # ValueError: dates that no calendar has
        raise Malformed(f"{what}: not TOML: {names.printable(str(e))}") from e


def _each(value: strict.Object, name: str, check: strict.Check[Any]) -> tuple[Any, ...]:
    found: tuple[Any, ...] = value.take(name, strict.sequence(check, most=MAX_ENTRIES)) if value.has(name) else ()
    return found


def _flag(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise Malformed(f"{what}: not true or false")
    return value


def _one_of(words: tuple[str, ...]) -> strict.Check[str]:
    def check(value: Any, what: str) -> str:
        if value not in words:
            raise Malformed(f"{what}: {names.printable(str(value))} is none of {', '.join(words)}")
        return str(value)

    return check


def _uri(value: Any, what: str) -> str:
    text = strict.text(longest=400)(value, what)
    return text if text.startswith("hf://") else "hf://" + text


def _scope(value: Any, what: str) -> str:
    return names.scope(_uri(value, what).lower(), what)


def _allowed(value: Any, what: str) -> Allowed:
    fields = strict.Object(value, what)
    repos = fields.take("repos", strict.sequence(_scope, least=1, most=MAX_ENTRIES))
    verdicts = fields.take("verdicts", strict.sequence(_one_of(BY_WORD), least=1, most=len(BY_WORD)))
    if len(set(verdicts)) != len(verdicts):
        raise Malformed(f"{what}: verdicts: one occurs twice")
    observers = fields.take("observers", strict.integer(1)) if "observed" in verdicts else 0
    fields.done()
    return Allowed(repos, verdicts, observers)


def _exception(value: Any, what: str) -> Exempt:
    fields = strict.Object(value, what)
    found = Exempt(
        repo=names.repo(_uri(fields.take("repo", strict.any_text), what), f"{what}: repo").lower(),
        commit=fields.take("commit", names.revision),
        verdict=fields.take("verdict", _one_of(BY_EXCEPTION)),
        fileset=fields.take("fileset", strict.hexadecimal) if fields.has("fileset") else None,
        reason=fields.take("reason", _reason),
        until=fields.take("until", _end),
    )
    fields.done()
    return found


def _reason(value: Any, what: str) -> str:
    text = strict.text(longest=500)(value, what).strip()
    if not text:
        raise Malformed(f"{what}: a reason is wanted")
    return text


def _end(value: Any, what: str) -> int:
    """A day (its end in UTC) or a time with its zone -> POSIX seconds."""
    if type(value) is datetime.date:
        midnight = datetime.datetime.combine(value, datetime.time(), datetime.UTC)
        return int(midnight.timestamp()) + 24 * 3600
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return int(value.timestamp())
    raise Malformed(f"{what}: not a day (2027-01-31) or a time with its zone (2027-01-31T12:00:00Z)")
