"""modelseal guard"""

from __future__ import annotations

import shlex
import signal
import threading
from typing import TYPE_CHECKING, Any

import click

from modelseal.cli import options, output

if TYPE_CHECKING:
    from modelseal.hubproxy import Refusal
    from modelseal.journeys.guard import Open
    from modelseal.journeys.own_cache import Aside

EPILOG = """\b
Exit status:
  with CMD that of CMD (127 not found, 126 cannot be run, 128+N ended by signal N); if CMD ended with 0, that of the
  worst that was refused: 1 FAILED   5 UNKNOWN   6 UNAVAILABLE   8 LOG MISBEHAVED   9 OBSERVED
  without CMD 130 interrupted, 143 terminated

\b
Examples:
  modelseal guard -- hf download acme-lab/atlas-7b
  modelseal guard --rules house.toml -- python serve.py
  modelseal guard --port 8751 > guard.env
"""


@click.command(epilog=EPILOG, context_settings={"allow_interspersed_args": False})
@click.argument("command", metavar="[-- CMD ...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--port", metavar="P", type=click.IntRange(1, 65535), help="Listen there on 127.0.0.1 [a free one].")
@options.judge_many
@options.common
def guard(command: tuple[str, ...], port: int | None, quiet: bool, as_json: bool, **judge: Any) -> int:
    """Run CMD so that it gets models from the Hub only as their owners sealed them.

    CMD sees a Hub on 127.0.0.1 and a Hub cache of its own; whatever asks them (huggingface_hub and what stands on it,
    curl) gets sealed bytes or an error. Files that are not in the seal are hidden. What else may pass stands in
    rules.toml. Without CMD it prints what a shell must export, and serves until it is interrupted. Xet does not pass,
    so transfers are plain HTTP; programs that ignore HF_ENDPOINT are not guarded.
    """
    from modelseal.journeys import guard as journey
    from modelseal.journeys.allow import Allow, Allowing
    from modelseal.journeys.ask import Where

    judging = options.judging(**judge)
    allow = Allow((), judging["strict"], judging["locked"], judging["lock"], judging["rules"])
    where = Where(judging["registry"], None, judging["offline"], judging["max_age"], judging["as_of"])
    speaks = _Speaker(quiet, as_json)
    with journey.opened(
        where,
        Allowing.of(allow, named=None),
        port=port or 0,
        refused=speaks.refused,
        told=speaks.told,
        quiet=quiet or as_json,
    ) as opened:
        speaks.aside(opened.aside)
        if not command:
            speaks.ready(opened)
            status = _serve()
            speaks.ended(opened, status, None)
            return status
        if as_json:
            speaks.ready(opened)
        try:
            # the output of CMD must not get between our lines
            ran = journey.run(command, opened, stdout=2 if as_json else None)
        except BaseException as e:
            speaks.ended(opened, 130 if isinstance(e, KeyboardInterrupt) else 143, None)
            raise
        if ran.why:
            output.tell(f"modelseal guard: {output.harmless(ran.why)}")
        status = ran.status or opened.exit_code
        speaks.ended(opened, status, ran.status)
        return status


def _serve() -> int:
    """Wait until somebody ends it."""
    from modelseal.cli import Terminated

    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Terminated:
        return 128 + signal.SIGTERM
    return 0


class _Speaker:
    """Says what happens: with --json one object per line on stdout, else on stderr."""

    def __init__(self, quiet: bool, as_json: bool) -> None:
        self._quiet, self._as_json = quiet, as_json
        self._lock = threading.Lock()  # refusals come from threads

    def ready(self, guard: Open) -> None:
        if self._as_json:
            aside = [{"path": str(one.path), "why": output.harmless(one.why)} for one in guard.aside]
            value = {"verdict": "ready", "exit": 0, "ready": guard.url, "environment": _named(guard.variables)}
            output.emit({**value, "unset": list(guard.unset), "aside": aside})
            return
        for name, text in guard.variables.items():
            output.say(f"export {name}={shlex.quote(text)}")
        for name in guard.unset:
            output.say(f"unset {name}")

    def aside(self, found: tuple[Aside, ...]) -> None:
        if not self._quiet and not self._as_json:
            for one in found:
                output.tell_line("aside", f"{output.escaped(str(one.path), longest=1000)}: {output.harmless(one.why)}")

    def told(self, words: str) -> None:
        output.tell(f"modelseal guard: {output.harmless(words)}")

    def refused(self, refusal: Refusal) -> None:
        with self._lock:
            if self._as_json:
                output.emit(_refusal(refusal))
            elif not self._quiet:
                output.tell(f"modelseal guard: refused: {output.harmless(refusal.words)}")

    def ended(self, guard: Open, status: int, command: int | None) -> None:
        with self._lock:
            if self._as_json:
                output.emit(_ended(guard, status, command))
            elif not self._quiet:
                _summary(guard, status)


def _named(variables: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": text} for name, text in variables.items()]


def _refusal(one: Refusal) -> dict[str, Any]:
    return {
        "verdict": one.word,
        "exit": one.exit_code,
        "repo": one.repo,
        "revision": output.escaped(one.revision) if one.revision else None,
        "file": output.escaped(one.file, longest=4096) if one.file else None,
        "says": output.harmless(one.words),
    }


def _ended(guard: Open, status: int, command: int | None) -> dict[str, Any]:
    ledger = guard.ledger
    return {
        "verdict": "ended",
        "exit": status,
        "command": command,
        "passed": [
            {"repo": repo, "revision": commit, "verdict": one.word, "files": len(one.files), "bytes": one.bytes}
            for (repo, commit), one in ledger.passed.items()
        ],
        "refused": [{**_refusal(one), "times": count} for one, count in ledger.refused.items()],
        "hidden": [
            {"repo": repo, "revision": commit, "files": [output.escaped(name, longest=4096) for name in names]}
            for (repo, commit), names in ledger.hidden.items()
        ],
        "others": ledger.others,
    }


def _summary(guard: Open, status: int) -> None:
    ledger = guard.ledger
    files = sum(len(one.files) for one in ledger.passed.values())
    size = output.size(sum(one.bytes for one in ledger.passed.values()))
    what = f"{files} file{'' if files == 1 else 's'} passed, {size}; {len(ledger.refused)} refused"
    output.tell(f"modelseal guard: {what}; exit status {status}")
    for (repo, commit), one in ledger.passed.items():
        word = one.word.replace("-", " ").upper()
        output.tell_line("passed", f"{word} {repo}@{commit}: {len(one.files)} files, {output.size(one.bytes)}")
    for refusal, count in ledger.refused.items():
        output.tell_line("refused", output.harmless(refusal.words) + (f" ({count} times)" if count > 1 else ""))
    for (repo, _), names in ledger.hidden.items():
        output.tell_line("hidden", f"{repo}: {', '.join(output.escaped(name) for name in names[:10])}")


COMMANDS = (guard,)
