"""What the registry's commands share: which folder is meant, and how events are told."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelseal.cli import output
from modelseal.errors import Usage
from modelseal_registry.cli import PROGRAM

if TYPE_CHECKING:
    from modelseal_registry.config import Place


def in_folder(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its first argument: the folder of `--dir`."""

    @click.pass_obj
    @functools.wraps(function)
    def wrapped(folder: Path | None, *args: Any, **kwargs: Any) -> Any:
        from modelseal_registry.config import Place

        if folder is None:
            raise Usage(
                "which folder? no --dir was given", hint=f"{PROGRAM} --dir DIR ..., or set MODELSEAL_REGISTRY_DIR"
            )
        place: Place = Place(folder.expanduser().absolute())
        return function(place, *args, **kwargs)

    return wrapped


def listen(text: str | None, option: str = "--listen") -> str | None:
    """Read `--listen` or an option like it."""
    from modelseal.errors import Malformed
    from modelseal_registry import config

    if text is None:
        return None
    try:
        return config.read_listen(text, option)
    except Malformed as e:
        raise Usage(str(e)) from e


def event(text: str) -> None:
    """One event, one line on stderr; whatever stands in it, it cannot begin another."""
    output.tell(f"{PROGRAM}: {output.escaped(text, longest=2000)}")


def ready(url: str, writes: str | None = None, *, as_json: bool, quiet: bool) -> None:
    """Say that a server answers at *url*, and where else it takes records."""
    if as_json:
        output.emit({"verdict": "ready", "exit": 0, "ready": url, "writes": writes})
    elif quiet:
        output.say(url)
    else:
        output.say(f"READY {url}" + (f" records at {writes}" if writes else ""))
    import sys

    sys.stdout.flush()  # who waits for this line reads a pipe
