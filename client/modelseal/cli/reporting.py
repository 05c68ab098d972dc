"""--report: files that say what a judging command found. They never change how it ends.

What is wrong with a FILE is said before anything is read or asked; then a report of an earlier run goes, so that none
is ever taken for this run's. A report is whole or absent.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelseal.cli import output
from modelseal.errors import Error, Misbehaviour, Usage
from modelseal.values import dataclass

if TYPE_CHECKING:
    from modelseal.foreign.judge import SignatureVerdict
    from modelseal.formats.names import Asked
    from modelseal.reports import Failure, Scan
    from modelseal.verdict import Verdict

F = TypeVar("F", bound=Callable[..., Any])


def option(function: F) -> F:
    """--report, for every command that judges."""
    return click.option(
        "--report",
        "report_files",
        metavar="FILE",
        multiple=True,
        type=click.Path(path_type=Path),
        help="Say it in a file too, replacing an older one: FILE.json .html .sarif .cdx.json; repeat it for more.",
    )(function)


def check_scan(files: tuple[Path, ...], caches: Iterable[Path], reads: Iterable[Path | None] = ()) -> Reports:
    """The same for a scan of *caches*: no report may lie in one of them."""
    found, reads = Reports((), Path()), tuple(reads)
    for cache in caches:
        found = check(files, cache, reads=reads)
    return found


def check(
    files: tuple[Path, ...], judged: Path | None, *, copy_to: Path | None = None, reads: Iterable[Path | None] = ()
) -> Reports:
    """Return where to write. Usage if a name is none of a report, or no report could be put there.

    *judged*: what is verified, None where only a name is judged; *copy_to*: the folder that is handed over. A report in
    one of them would be a file that the seal does not list. *reads*: files that the command reads; a report must not
    replace one, nor the lock and the rules that the environment names.
    """
    named = [os.environ.get(name) for name in ("MODELSEAL_LOCK", "MODELSEAL_RULES")]
    reads = [*reads, *(Path(one) for one in named if one)]
    targets: list[tuple[Path, str]] = []
    for file in files:
        from modelseal import platform, reports

        path, kind = file.expanduser(), reports.kind_of(file.name)
        if kind is None:
            raise Usage(
                f"--report {path}: no such kind of report",
                hint=f"the ending says which: {', '.join(sorted(reports.KINDS))}",
            )
        if any(path.absolute() == other.absolute() for other, _ in targets):
            raise Usage(f"--report {path} is given twice")
        if (judged is not None and _is_in(path, judged)) or (copy_to is not None and _is_in(path, copy_to)):
            raise Usage(f"--report {path} lies in what is verified", hint="write the report beside it")
        if any(_is_in(path, file.expanduser()) for file in reads if file is not None):
            raise Usage(f"--report {path} would replace a file that is read")
        platform.check_replaceable(path)
        targets.append((path, kind))
    return Reports(tuple(targets), judged)


def _is_in(path: Path, folder: Path) -> bool:
    """Whether *path* is *folder* or below it, by whatever links and spellings."""
    try:
        place = path.absolute().parent.resolve() / path.name
        if place.is_relative_to(folder.absolute().resolve()):
            return True
        return folder.exists() and any(one.samefile(folder) for one in (place, *place.parents) if one.exists())
    except (OSError, ValueError):  # no such place; what is wrong with it is said next
        return False


@dataclass(frozen=True, slots=True)
class Reports:
    """The files that were asked for."""

    targets: tuple[tuple[Path, str], ...]  # and their kind
    judged: Path | None  # None: only a name

    @contextlib.contextmanager
    def beginning(self, asked: Asked | None) -> Iterator[None]:
        """From here on a verdict is looked for; an error that is no wrong use is reported too."""
        for path, _ in self.targets:
            try:
                path.unlink(missing_ok=True)
            except OSError as e:
                raise Usage(f"{path}: cannot be replaced: {(e.strerror or type(e).__name__).lower()}") from e
        try:
            yield
        except Usage:
            raise
        except Error as e:
            with contextlib.suppress(Error):  # the first reason is the one to be told
                self._write(_failure(e, asked))
            raise

    def write(self, verdict: Verdict | SignatureVerdict, *, signature: Path | None = None, quiet: bool = False) -> None:
        """Write all. What cannot be written is an error only where the verdict is none already."""
        self._told(bool(verdict), lambda: self._write(verdict, signature), quiet)

    def write_scan(self, scan: Scan, *, quiet: bool = False) -> None:
        """Write all about *scan*. What cannot be written is an error only where it would end with 0."""

        def build(kind: str, version: str) -> bytes:
            from modelseal import reports

            return reports.build_scan(kind, scan, version)

        self._told(bool(scan), lambda: self._put(build), quiet)

    def _told(self, good: bool, write: Callable[[], None], quiet: bool) -> None:
        try:
            write()
        except Error as e:
            if good:
                raise
            output.tell(f"modelseal: {output.harmless(str(e))}")
            return
        for path, _ in self.targets:
            if not quiet:
                output.tell_line("wrote", output.escaped(str(path), longest=1000))

    def _write(self, outcome: Verdict | SignatureVerdict | Failure, signature: Path | None = None) -> None:
        def build(kind: str, version: str) -> bytes:
            from modelseal import reports

            return reports.build(
                kind,
                reports.Subject(
                    outcome,
                    str(self.judged) if self.judged is not None else None,
                    version,
                    str(signature) if signature else "",
                ),
            )

        self._put(build)

    def _put(self, build: Callable[[str, str], bytes]) -> None:
        """Write what *build* makes of each kind of report and the program's version."""
        if not self.targets:
            return
        from importlib import metadata

        from modelseal import platform

        version = metadata.version("modelseal")
        for path, kind in self.targets:
            platform.replace(path, build(kind, version))


def _failure(error: Error, asked: Asked | None) -> Failure:
    from modelseal.reports import Failure

    notes = (error.older, error.newer) if isinstance(error, Misbehaviour) else None
    return Failure(
        output.word_of(error.exit_code),
        error.exit_code,
        output.harmless(str(error)),
        asked.repo if asked else None,
        output.harmless(error.hint) if error.hint else None,
        notes,
    )
