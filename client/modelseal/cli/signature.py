"""modelseal verify PATH --signature FILE: what other tools of OpenSSF Model Signing have signed."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from modelseal.cli import options, output, reporting
from modelseal.cli.output import escaped
from modelseal.errors import Usage

if TYPE_CHECKING:
    from modelseal.foreign.judge import SignatureVerdict
    from modelseal.verdict import Finding

MAX_SHOWN = 40  # findings on a terminal; files and --json get all

_FILE = click.Path(path_type=Path)
_OPTIONS = (
    click.option(
        "--signature",
        metavar="FILE",
        type=_FILE,
        help="Check this signature by another tool instead; no repo, and SIGNATURE VALID at best.",
    ),
    click.option("--key", metavar="PUB", type=_FILE, help="With --signature: it must be by this public key."),
    click.option(
        "--certificate-chain",
        metavar="FILE",
        type=_FILE,
        multiple=True,
        help="With --signature: its certificate must lead to one in this file; repeat it for more.",
    ),
    click.option("--cert-identity", metavar="NAME", help="With --certificate-chain: and must have exactly this name."),
    click.option(
        "--unsafe-legacy-0.2",
        "unsafe_legacy_0_2",
        is_flag=True,
        help="With --signature: also what model_signing 0.2.0 wrote, in a broken encoding.",
    ),
)
_WITH = {"target", "signature", "key", "certificate_chain", "cert_identity", "unsafe_legacy_0_2"}
_WITH |= {"quiet", "as_json", "offline", "jobs", "recheck", "report_files"}


def instead(function: Callable[..., int]) -> Callable[..., int]:
    """Add the options of a foreign signature to `verify`; where --signature is given, this is run instead."""

    @functools.wraps(function)
    def command(
        *,
        signature: Path | None,
        key: Path | None,
        certificate_chain: tuple[Path, ...],
        cert_identity: str | None,
        unsafe_legacy_0_2: bool,
        **others: Any,
    ) -> int:
        if signature is None:
            _check_alone(key, certificate_chain, cert_identity, unsafe_legacy_0_2)
            return function(**others)
        context = click.get_current_context()
        for one in context.command.params:
            given = context.get_parameter_source(one.name or "") == ParameterSource.COMMANDLINE
            if given and one.name not in _WITH:
                raise Usage(
                    f"{one.opts[0]} cannot be given with --signature",
                    hint="such a signature is of files, not of a repo, and no log is asked about it",
                )
        target = others["target"]
        if target is None or not options.is_path(target):
            shown = escaped(target) if target is not None else "what is to be checked"
            raise Usage(f"{shown} is no path", hint="with --signature give a path; it starts with . / ~")
        return _run(
            target,
            signature.expanduser(),
            others["quiet"],
            others["as_json"],
            others["report_files"],
            key=key.expanduser() if key else None,
            certificate_chain=[one.expanduser() for one in certificate_chain],
            cert_identity=cert_identity,
            unsafe_legacy_0_2=unsafe_legacy_0_2,
            jobs=others.get("jobs"),
            recheck=others["recheck"],
        )

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def suggestion(target: str, folder: Path) -> str | None:
    """Return what to type where *folder* has a signature by another tool; None if it has none."""
    from modelseal import platform
    from modelseal.errors import Error
    from modelseal.foreign.bundle import CERTIFICATES, KEY, MAX_BUNDLE, Bundle
    from modelseal.journeys.show import PLACES

    for name in PLACES:
        try:
            kind = Bundle.parse(platform.read_file(folder / name, MAX_BUNDLE, "signature")).kind
        except Error:
            continue
        how = {KEY: " --key PUB", CERTIFICATES: " --certificate-chain FILE"}.get(kind)
        if how is not None:
            path = escaped(target)
            return f"for the signature of another tool there: modelseal verify {path} --signature {path}/{name}{how}"
    return None


def _check_alone(key: Path | None, chain: tuple[Path, ...], identity: str | None, unsafe_legacy: bool) -> None:
    given = {
        "--key": key,
        "--certificate-chain": chain,
        "--cert-identity": identity,
        "--unsafe-legacy-0.2": unsafe_legacy,
    }
    for name, value in given.items():
        if value:
            raise Usage(f"{name} says how to check a signature, and none is given", hint="add --signature FILE")


def _run(target: str, signature: Path, quiet: bool, as_json: bool, report_files: tuple[Path, ...], **how: Any) -> int:
    from modelseal.journeys.signature import verify_signature
    from modelseal.reports import value

    path = options.path(target)
    reports = reporting.check(report_files, path, reads=[signature, how["key"], *how["certificate_chain"]])
    with reports.beginning(None):
        verdict = verify_signature(path, signature, quiet=quiet or as_json, **how)
    reports.write(verdict, signature=signature, quiet=quiet or as_json)
    if as_json:
        output.emit(value.of_signature(verdict, str(path), str(signature)))
    elif not quiet:
        _show(verdict, target, signature)
    return verdict.exit_code


def _show(verdict: SignatureVerdict, target: str, signature: Path) -> None:
    from modelseal.cli import report

    output.say(f"{verdict.word.text} {escaped(target, longest=4096)}{escaped(verdict.says, longest=2000)}")
    output.line("file", escaped(str(signature), longest=4096))
    if verdict.signer is not None:
        if not verdict:
            output.line("signer", escaped(verdict.signer.who, longest=1000))
        for key, text in verdict.signer.says:
            output.line(key, escaped(text, longest=1000))
    shown = verdict.findings[:MAX_SHOWN] if sys.stdout.isatty() else verdict.findings
    for finding in shown:
        output.line(*_finding(finding))
    if len(shown) < len(verdict.findings):
        output.line("more", f"{len(verdict.findings) - len(shown)} more; --json lists all")
    if verdict:
        how = f"{output.size(verdict.total_bytes)}, {report.hashed(verdict)} ({verdict.digest})"
        output.line("files", f"{verdict.equal} of {verdict.total} equal the signature, {how}")
    for why in dict.fromkeys(why for _, why in verdict.not_compared):
        names = [name for name, reason in verdict.not_compared if reason == why]
        output.line("ignored", f"{len(names)} not compared, {why}: " + ", ".join(escaped(name) for name in names))
    if verdict.name is not None:
        output.line("named", f"the signer calls it {escaped(verdict.name)!r}; that is compared with nothing")
    for note in verdict.notes:
        output.line("note", escaped(note, longest=1000))
    if verdict:
        output.line("means", "that signer signed these bytes; not of which repo they are, nor whether they still stand")
    elif verdict.hint is not None:
        output.line("next", escaped(verdict.hint, longest=1000))
    else:
        output.line("next", "download the files and the signature again from the signer")


def _finding(finding: Finding) -> tuple[str, str]:
    name = escaped(finding.name)
    risk = f" ({finding.risk})" if finding.risk else ""
    if finding.kind == "added":
        return "added", f"{name}{risk}, not in the signature"
    if finding.kind == "missing":
        return "missing", f"{name}, which the signature lists"
    if finding.kind in ("differs", "resized"):
        size = "other bytes" if finding.kind == "differs" else "another size"
        return "differs", f"{name}{risk}, {size}\nexpected {finding.expected}\nfound    {finding.found}"
    return finding.kind[:8], f"{name}: {escaped(finding.found)}" if finding.found else name
