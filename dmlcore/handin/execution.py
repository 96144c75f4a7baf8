"""Execute a notebook on this machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from dmlcore.api.progress import note
from dmlcore.errors import DmlcoreError

if TYPE_CHECKING:
    from nbformat import NotebookNode

LAST_LINES = 15
"""Lines of a failed cell's output in the error message."""


def execute(notebook: NotebookNode, folder: Path, environment: Mapping[str, str]) -> None:
    """Execute every cell in `folder` and keep the outputs in the notebook, without a time limit.

    Raises DmlcoreError with the cell and its last lines if one fails.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    metadata = deepcopy(notebook.metadata)  # the kernel adds its own

    def starts(cell: NotebookNode, cell_index: int) -> None:
        if cell.cell_type == "code":
            note(f"  cell {code.index(cell) + 1}/{len(code)}  {cell.id}")

    try:
        with TemporaryDirectory(prefix="dmlcore-") as private:
            client = NotebookClient(
                notebook,
                km=_kernel_manager(Path(private)),
                timeout=None,
                record_timing=False,
                coalesce_streams=True,
                resources={"metadata": {"path": str(folder)}},
                on_cell_start=starts,
            )
            client.execute(env=dict(environment), cleanup_kc=True)
    except CellExecutionError as error:
        raise _failure(code, f"{error.ename}: {error.evalue}") from None
    except DeadKernelError:
        raise _failure(code, "its process ended; it may have run out of memory") from None
    except RuntimeError as error:
        raise DmlcoreError(f"The notebook's kernel could not be started: {error}.") from None
    notebook.metadata = metadata


def _kernel_manager(private: Path) -> Any:
    """A kernel of this Python; the one registered as "python3" may belong to another environment.

    Except on Windows, it communicates through sockets in the folder `private`, so that no other user can listen.
    """
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    class ThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    return AsyncKernelManager(
        kernel_spec_manager=ThisPython(),
        transport="tcp" if sys.platform == "win32" else "ipc",
        connection_file=str(private / "kernel.json"),
    )


def _failure(code: list[NotebookNode], reason: str) -> DmlcoreError:
    failed = max((i for i, cell in enumerate(code) if cell.get("execution_count") or cell.outputs), default=0)
    printed = "".join(output.text for output in code[failed].outputs if output.output_type == "stream")
    lines = printed.splitlines()[-LAST_LINES:]
    place = f"Cell {failed + 1} of {len(code)} of the notebook ({code[failed].id}) failed"
    return DmlcoreError("\n".join([f"{place}: {reason}", *(f"    {line}" for line in lines)]))
