"""Components in a new interpreter: whether importing them loads torch, and the numbers that they compute."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import pickle
import subprocess
import sys
import tempfile
import traceback
import types
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from attrs import evolve, frozen

from dmlcore.api.components import Component
from dmlcore.testing.checking import NotApplicable
from dmlcore.testing.numbers import Numbers, gives_numbers, numbers_of

HASH_SEED = "7"
"""The hash seed of the other process, so that a dependence on the order of a set shows."""


@frozen
class Seen:
    """A component in the other process; `loads_torch` is the line that imports torch, or empty."""

    loads_torch: str = ""
    numbers: Numbers | None = None
    missing: str = ""
    """Why its import failed there."""
    error: str = ""
    """The error that it raised there."""


class AnotherProcess:
    """A new interpreter for a set of components, started once, on first use."""

    def __init__(self, components: Iterable[Component]) -> None:
        self.components = tuple(components)
        self._seen: Mapping[Component, Seen] | None = None

    def sees(self, component: Component) -> Seen:
        """A component in the other process. Raises NotApplicable if its import fails there."""
        if self._seen is None:
            self._seen = dict(zip(self.components, _look(self.components), strict=True))
        seen = self._seen[component]
        if seen.missing:
            raise NotApplicable(f"another process can't import it: {seen.missing}")
        return seen


def _look(components: Sequence[Component]) -> list[Seen]:
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder) / "question", Path(folder) / "answer"
        question.write_bytes(pickle.dumps([(type(c).__module__, _pickled(c)) for c in components]))
        code = f"from {__name__} import answer; answer({str(question)!r}, {str(answer)!r})"
        done = subprocess.run(
            [sys.executable, "-P", "-c", code], env=_environment(), capture_output=True, text=True, check=False
        )
        if not answer.is_file():
            raise RuntimeError(f"another process ended with exit code {done.returncode}:\n{done.stderr}")
        seen: list[Seen] = pickle.loads(answer.read_bytes())
        return seen


def _pickled(component: Component) -> bytes | None:
    try:
        return pickle.dumps(component)
    except (pickle.PicklingError, AttributeError):  # its class is defined within a function
        return None


def _environment() -> dict[str, str]:
    """The environment of this process, with its import path and number of threads."""
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path if entry)
    threads = {"OMP_NUM_THREADS": str(sys.modules["torch"].get_num_threads())} if "torch" in sys.modules else {}
    return os.environ | threads | {"PYTHONPATH": path, "PYTHONHASHSEED": HASH_SEED}


def answer(question: str, place: str) -> None:
    """Run in the other process: inspect each component, and write the results."""
    asked: list[tuple[str, bytes | None]] = pickle.loads(Path(question).read_bytes())
    imports = {module: _import_without_torch(module) for module, _ in asked}
    seen = [_see(imports[module], pickled) for module, pickled in asked]
    Path(place).write_bytes(pickle.dumps(seen))


def _see(imported: Seen, pickled: bytes | None) -> Seen:
    if imported.missing or not pickled:
        return evolve(imported, missing=imported.missing or "its class is defined within a function")
    try:
        component = pickle.loads(pickled)
        return evolve(imported, numbers=numbers_of(component)) if gives_numbers(component) else imported
    except (Exception, SystemExit) as error:
        return evolve(imported, error=f"{type(error).__name__}: {error}")


class _TorchLoadedError(BaseException):
    """Torch was imported. Not an Exception, so that nothing catches it."""


class _NoTorch(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stop every import of torch, so that all modules can be inspected in one process."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name == "torch" else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Use the default module."""

    def exec_module(self, module: types.ModuleType) -> None:
        raise _TorchLoadedError


def _import_without_torch(module: str) -> Seen:
    """Import a module, and find the line that imports torch."""
    finder = _NoTorch()
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module(module)
    except _TorchLoadedError as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
        line = next(frame for frame in reversed(frames) if frame.filename != __file__)
        if Path(line.filename).parent == Path(__file__).parent:
            return Seen(missing="it is defined in a file of tests")
        return Seen(loads_torch=f"{line.filename}:{line.lineno}: {line.line}")
    except (Exception, SystemExit) as error:
        return Seen(missing=f"{type(error).__name__}: {error}")
    finally:
        sys.meta_path.remove(finder)
    return Seen()
