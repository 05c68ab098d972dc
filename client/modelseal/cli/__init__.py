"""The command `modelseal`: one module per journey. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import errno
import gc
import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from modelseal.cli import output
from modelseal.errors import Error

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

EPILOG = """\b
Exit status of get, check, verify, scan, guard and lock:
  0 VERIFIED, SEALED (check, lock) or ACCEPTED      1 FAILED   2 usage   5 UNKNOWN   6 UNAVAILABLE (no answer, too
  old, no trust root)   7 internal   8 LOG MISBEHAVED   9 OBSERVED, NOT SIGNED   130 interrupted   143 terminated
Of all other commands:
  0 done   1 refused, or found something   10 PENDING (waits for signatures, approval or the log)   2 6 7 8 as above

\b
Example:
  modelseal trust add https://registry.example#sha256:HEX
  modelseal verify ./atlas-7b --repo acme-lab/atlas-7b
"""


# In the order in which people need them. The help of the whole reads no command's module: it is what everybody types
# first, and reading all of them would cost half as much again.
SHORT = {
    "get": "Download a repo; hand it over only if it is what was sealed.",
    "check": "Say whether the Hub lists what was sealed; download nothing.",
    "verify": "Say whether a folder holds exactly what its owner sealed.",
    "scan": "Verify everything that lies in the Hub cache, worst first.",
    "guard": "Run a program so that it gets sealed models only.",
    "lock": "Write down which repos are taken, and with which digests.",
    "show": "Show what the log says about a name, or what a file says.",
    "trust": "Say which registry you trust.",
    "keygen": "Make a key pair.",
    "sign": "Seal a folder; nothing is sent.",
    "claim": "Claim a namespace; change the claim, or its keys.",
    "publish": "Seal a folder as a release and have it logged.",
    "revoke": "Void a release, or all that a key has sealed, for ever.",
    "object": "Delay new keys of a namespace that you did not want.",
    "record": "Sign and send what needs several people's signatures.",
}


class _Commands(click.Group):
    """Each command `NAME` is one of the COMMANDS of the module `modelseal.cli.NAME`, read when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SHORT)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SHORT:
            return None
        module = import_module(f"modelseal.cli.{cmd_name}")
        found: click.Command = next(command for command in module.COMMANDS if command.name == cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SHORT.items()))


@click.group(cls=_Commands, context_settings=CONTEXT, epilog=EPILOG)
@click.version_option(package_name="modelseal", message="modelseal %(version)s")
def modelseal() -> None:
    """Verify models before use: are these the bytes that the owner of that name signed?"""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    gc.set_threshold(50_000)  # what is imported stays: looking for garbage in it is a tenth of a short command
    try:
        run(modelseal, "modelseal", list(sys.argv[1:] if argv is None else argv))
    except SystemExit as e:
        if argv is None and isinstance(e.code, int):
            _leave(e.code)
        raise


def _leave(status: int) -> None:
    """End the process at once: to take apart all that was imported first is a tenth of a short command."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # full, or closed: the interpreter's own end knows what to do
        return
    os._exit(status)


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class Terminated(BaseException):
    """SIGTERM: unwinds like an interrupt, so that nothing is left half written."""


def _prepare_output() -> None:
    """Make the two streams ones that no text can end: closed ones take all, others escape what they cannot show."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us, who wants the exit status alone
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 (for as long as the process lives)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that cannot be shown must not end the report


def run(command: click.Command, name: str, argv: list[str]) -> NoReturn:
    """Run *command* and exit with a documented status; whatever happens, no traceback, and with --json one object."""

    def terminate(number: int, frame: Any) -> NoReturn:
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    _prepare_output()
    json = "--json" in (argv[: argv.index("--")] if "--" in argv else argv)  # what follows is another program's
    try:
        status = command.main(argv, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)
    except click.exceptions.NoArgsIsHelpError as e:
        click.echo(e.format_message())
        sys.exit(2)
    except click.UsageError as e:
        line = f"{name} --help" if e.ctx is None else f"{e.ctx.command_path} --help"
        output.failure(name, e.format_message().rstrip("."), f"see: {line}", 2, json)
    except click.ClickException as e:
        output.failure(name, e.format_message(), None, 2, json)
    except Error as e:
        output.failure(name, str(e), e.hint, e.exit_code, json, e)
    except (KeyboardInterrupt, click.Abort):
        output.failure(name, "interrupted", None, 130, json)
    except Terminated:
        output.failure(name, "terminated", None, 143, json)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as e:  # a bug of ours: said as such, and never a verdict
        if isinstance(e, OSError) and e.errno in _FULL:  # the output's own: what journeys write they see to themselves
            output.failure(name, f"the output cannot be written: {str(e.strerror).lower()}", None, 7, False)
        if isinstance(e, RuntimeError) and str(e) == "Could not determine home directory.":  # so says Path.expanduser
            output.failure(name, "a path begins with ~ and the name of no user here", None, 2, json)
        output.failure(name, f"internal error: {type(e).__name__}: {e}", "please report this", 7, json)
