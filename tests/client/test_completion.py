"""What the shell completes: names of commands, options, paths."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.client import PROGRAM
from tests.support.servers import environment

README = Path(__file__).parent.parent.parent / "client/README.md"
SHELLS = {"bash": "plain,{word}", "zsh": "plain\n{word}\n", "fish": "plain,{word}"}


def complete(shell: str, *words: str, here: Path | None = None) -> str:
    """What the program answers when *shell* asks how the last of *words* goes on."""
    env = {**environment(), "_MODELSEAL_COMPLETE": f"{shell}_complete"}
    env |= {
        "COMP_WORDS": " ".join(("modelseal", *words)),
        "COMP_CWORD": words[-1] if shell == "fish" else str(len(words)),
    }
    done = subprocess.run([str(PROGRAM)], env=env, cwd=here, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_ver_is_completed_to_verify(shell: str) -> None:
    assert SHELLS[shell].format(word="verify") in complete(shell, "ver")
    assert "publish" not in complete(shell, "ver")


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_below_a_command_options_and_paths_are_completed(shell: str) -> None:
    assert SHELLS[shell].format(word="status") in complete(shell, "trust", "sta")
    assert SHELLS[shell].format(word="--repo") in complete(shell, "verify", "--re")
    answer = {"bash": "file,./at", "zsh": "file\n./at\n", "fish": "file,./at"}[shell]
    for words in (("verify", "./at"), ("sign", "./at"), ("show", "./at"), ("sign", "--key", "./at"), ("claim", "./at")):
        assert answer in complete(shell, *words), words


@pytest.mark.parametrize("shell", SHELLS)
def test_the_line_of_the_readme_gives_the_script(shell: str) -> None:
    assert f"_MODELSEAL_COMPLETE={shell}_source modelseal" in README.read_text().replace("\n", " ")
    env = {**environment(), "_MODELSEAL_COMPLETE": f"{shell}_source"}
    done = subprocess.run([str(PROGRAM)], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert f"_MODELSEAL_COMPLETE={shell}_complete" in done.stdout


def test_bash_itself_completes() -> None:
    bash = shutil.which("bash")
    assert bash is not None
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = (
        'eval "$(_MODELSEAL_COMPLETE=bash_source modelseal)"; complete -p modelseal >/dev/null || exit 1; '
        "COMP_WORDS=(modelseal ver); COMP_CWORD=1; _modelseal_completion modelseal; echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(
        [bash, "--norc", "-c", script], env={**environment(), "PATH": path}, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("verify\n", 0), done.stderr
