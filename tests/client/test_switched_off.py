"""Is every rule tried? Each is switched off in turn; then some vector of the rules must come out otherwise.

A rule is a `raise`, or a call that may raise and whose answer nobody keeps. Effects are tried likewise: every
assignment to a namespace, a repo or the state.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from modelseal import state as rules
from modelseal.authorship import Authors, authors_of
from modelseal.errors import Error, Malformed, Refused
from modelseal.formats.leaves import Leaf
from tests.support.make import ORIGIN
from tests.support.vectors import load, observed
from tests.vectors.histories import PARTS
from tests.vectors.history import owned

PACKAGE = "modelseal.state"
FOLDER = Path(rules.__file__).parent
FILES = [path for path in sorted(FOLDER.glob("*.py")) if path.name != "values.py"]


def switches(path: Path) -> Iterator[tuple[str, ast.Module]]:
    """Return each rule and effect in *path* by name, and the module without it."""
    source = path.read_text()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
            pass
        elif not (isinstance(node, ast.Assign) and any(isinstance(t, _Place) for t in _targets(node))):
            continue
        tree = ast.parse(source)
        for parent in ast.walk(tree):
            for _, body in ast.iter_fields(parent):
                for at, one in enumerate(body if isinstance(body, list) else []):
                    if isinstance(one, ast.stmt) and ast.dump(one, include_attributes=True) == _dump(node):
                        body[at] = ast.copy_location(ast.Pass(), one)
        yield f"{path.stem}:{node.lineno} {ast.unparse(node)[:90]}", tree


_Place = (ast.Attribute, ast.Subscript)


def _targets(node: ast.Assign) -> list[ast.expr]:
    return [one for target in node.targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]


def _dump(node: ast.AST) -> str:
    return ast.dump(node, include_attributes=True)


SWITCHES = [(path, name, tree) for path in FILES for name, tree in switches(path)]


@contextlib.contextmanager
def changed(path: Path, tree: ast.Module) -> Iterator[ModuleType]:
    """Import the package of the rules with one module changed, beside the real one."""
    target = PACKAGE if path.stem == "__init__" else f"{PACKAGE}.{path.stem}"

    class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
        def find_spec(self, name: str, where: Any, module: Any = None) -> importlib.machinery.ModuleSpec | None:
            if name != target:
                return None
            spec = importlib.machinery.ModuleSpec(name, self, is_package=name == PACKAGE)
            spec.submodule_search_locations = [str(FOLDER)] if name == PACKAGE else None
            return spec

        def exec_module(self, module: ModuleType) -> None:
            exec(compile(tree, str(path), "exec"), module.__dict__)

    real = {name: sys.modules.pop(name) for name in list(sys.modules) if (name + ".").startswith(PACKAGE + ".")}
    parent, finder = sys.modules["modelseal"], Changed()
    sys.meta_path.insert(0, finder)
    try:
        yield importlib.import_module(PACKAGE)
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if (name + ".").startswith(PACKAGE + ".")]:
            del sys.modules[name]
        sys.modules.update(real)
        parent.state = real[PACKAGE]  # type: ignore[attr-defined]


OBSERVED = ("rules/observation/", "rules/withdrawal/")

Case = tuple[str, list[tuple[Leaf, Authors | None]], bool, list[str]]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """Parsed and verified once: the rules know no cryptography."""
    found = []
    for part in PARTS:
        for case in load(f"rules/{part}"):
            leaves: list[tuple[Leaf, Authors | None]] = []
            with contextlib.suppress(Malformed):  # not in force: no question of rules
                for data in case.body.splitlines():
                    leaf = Leaf.parse(data)
                    try:
                        leaves.append((leaf, authors_of(leaf)))
                    except Refused:
                        leaves.append((leaf, None))
                standing = [value for name, value in case.headers if name in ("release", "observed")]
                found.append((case.path, leaves, case.expect == "ok", standing))
    return found


def without_operators(module: ModuleType) -> bool:
    """Whether a fold whose first leaf had no effect refuses an identity, instead of breaking."""
    leaf = Leaf.parse(owned().leaves[1])
    authors = authors_of(leaf)
    with pytest.raises(Refused, match="nobody can admit anything"):
        module.apply(module.State(ORIGIN), 1, leaf, authors.record, authors.claim)
    return True


def outcome(module: ModuleType, case: Case) -> bool:
    """Whether *case* comes out as it should under these rules."""
    _, leaves, good, standing = case
    state = module.State(ORIGIN)
    for index, (leaf, authors) in enumerate(leaves):
        if authors is None:
            return index == len(leaves) - 1 and not good
        try:
            module.apply(state, index, leaf, authors.record, authors.claim)
        except Refused:
            return index == len(leaves) - 1 and not good
        except Error:
            return False
    if not good:
        return False
    words = []
    for repo in state.repos.values():
        for sealed in repo.releases:
            voided = state.voided(sealed.release.repo, sealed.release)
            words.append(f"{sealed.release.repo} {sealed.release.revision} {voided.reason if voided else 'valid'}")
    words += [value for _, value in observed(state)] if case[0].startswith(OBSERVED) else []
    return not standing or words == standing


def test_as_they_are_all_cases_come_out_right(cases: list[Case]) -> None:
    assert [case[0] for case in cases if not outcome(rules, case)] == []
    assert without_operators(rules)
    assert len(cases) > 250 and len(SWITCHES) > 80


@pytest.mark.parametrize(("path", "name", "tree"), SWITCHES, ids=[name for _, name, _ in SWITCHES])
def test_switched_off_it_is_missed(cases: list[Case], path: Path, name: str, tree: ast.Module) -> None:
    with changed(path, tree) as module:
        assert module is not rules
        for case in cases:
            try:
                if not outcome(module, case):
                    return
            except (AssertionError, UnboundLocalError, AttributeError, NameError, TypeError):
                return  # what follows cannot do without it
        try:
            without_operators(module)
        except (AssertionError, AttributeError):
            return
    pytest.fail(f"nothing notices that {name} is gone")
