"""The JSON Schemas of `manifests/schema`, and what of them holds for the --json of which command.

Whatever runs a command in tests calls `check` with what was printed, so that every test holds the schemas too.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from modelseal.cli import modelseal
from modelseal_registry import cli as registry_cli

FOLDER = Path(__file__).parents[2] / "manifests/schema"
FAILURE = "cli/failure"
SEVERAL = {"cli/guard", "cli/registry-serve", "cli/registry-mirror-sync"}  # one object a line


@functools.cache
def all_schemas() -> dict[str, Any]:
    """Return name -> schema; the name is the path without its ending."""
    paths = sorted(FOLDER.rglob("*.json"))
    return {path.relative_to(FOLDER).with_suffix("").as_posix(): json.loads(path.read_text()) for path in paths}


@functools.cache
def validator(name: str) -> Draft202012Validator:
    resources = [(schema["$id"], Resource.from_contents(schema)) for schema in all_schemas().values()]
    known: Registry[Any] = Registry().with_resources(resources)
    return Draft202012Validator({"$ref": f"urn:modelseal:schema:{name}"}, registry=known)


def errors(name: str, value: Any) -> list[str]:
    """Return what is wrong with *value* by the schema *name*."""
    return [_shown(one) for one in validator(name).iter_errors(value)]


def _shown(error: ValidationError) -> str:
    below = "; ".join(_shown(one) for one in error.context or ())
    text = f"{'/'.join(map(str, error.absolute_path))}: {error.message[:400]}"
    return f"{text} ({below})" if below else text


# commands


def program(name: str) -> click.Group:
    if name == "modelseal":
        return modelseal
    registry_cli.add_commands()
    return registry_cli.registry


def commands(group: click.Group, name: str) -> Iterator[str]:
    """Yield every command of a program as it is typed."""
    for word in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), word)
        if isinstance(found, click.Group):
            yield from commands(found, f"{name} {word}")
        else:
            yield f"{name} {word}"


def typed(name: str, words: Sequence[str]) -> str | None:
    """Return which command *words* after the program's *name* mean, if they mean one."""
    found: click.Command | None = program(name)
    left = list(words)
    while isinstance(found, click.Group):
        options = (one for one in found.params if isinstance(one, click.Option) and not one.is_flag)
        values = {text for one in options for text in one.opts}
        while left and left[0].startswith("-"):
            left = left[2:] if left[0] in values else left[1:]
        if not left:
            return None
        name += f" {left[0]}"
        found = found.get_command(click.Context(found), left.pop(0))
    return name if found else None


@functools.cache
def of_commands() -> dict[str, str]:
    """Return command -> name of its schema."""
    return {one: name for name, schema in all_schemas().items() for one in schema.get("x-commands", ())}


def check(name: str, words: Sequence[str], code: int, out: str) -> None:
    """Insist on the form of what `NAME WORDS...` printed, if it was asked for --json."""
    words = words[: words.index("--")] if "--" in words else words  # what follows is another program's
    if "--json" not in words or {"-h", "--help", "--version"} & set(words):
        return
    command = typed(name, words)
    schema = of_commands().get(command, FAILURE) if command else FAILURE
    assert out.endswith("\n"), f"{name} {' '.join(words)} printed no line: {out!r}"
    lines = out[:-1].split("\n")
    assert len(lines) == 1 or schema in SEVERAL, f"{name} {' '.join(words)} printed {len(lines)} lines"
    for line in lines:
        found = errors(schema, json.loads(line))
        assert not found, f"{name} {' '.join(words)}: not as {schema}.json says: {found}\n{line}"
    assert json.loads(lines[-1])["exit"] == code, f"{name} {' '.join(words)} ended {code}\n{lines[-1]}"
