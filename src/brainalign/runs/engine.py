"""How papermill executes here: every cell timed and limited, the kernel's environment set, its memory watched."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import nbformat
import papermill
import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError
from nbformat import NotebookNode
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

from brainalign.catalogue.home import data_home
from brainalign.catalogue.locations import project_root
from brainalign.runs import kernel
from brainalign.runs.errors import UsageError
from brainalign.runs.sources import compiled_source

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Variables by which the libraries of a kernel learn how many threads they may use; torch goes by the first two."""

OnCell = Callable[[int, int], None]
"""Called after every cell with the number of finished cells and of all cells."""


class RunTimeoutError(RuntimeError):
    """A run took longer than it may."""


class CellWatch:
    """Times and limits the cells of one run.

    Parameters
    ----------
    cell_timeout, run_timeout : int, optional
        Seconds after which a cell, or the whole run, is stopped.
    on_cell : callable, optional
        Progress, see `OnCell`.

    Attributes
    ----------
    seconds : list of float
        Time of every code cell so far. By a clock that only goes forward: papermill's own durations are differences
        of dates, and a date can be set back.
    """

    def __init__(
        self, cell_timeout: int | None = None, run_timeout: int | None = None, on_cell: OnCell | None = None
    ) -> None:
        self.seconds: list[float] = []
        self._cell_timeout, self._run_timeout, self._on_cell = cell_timeout, run_timeout, on_cell
        self._deadline = None if run_timeout is None else time.monotonic() + run_timeout
        self._began = 0.0

    def attach(self, manager: NotebookExecutionManager) -> None:
        """Watch the cells that this manager of papermill starts and completes."""
        start, complete, total = manager.cell_start, manager.cell_complete, len(manager.nb.cells)

        def cell_start(cell: NotebookNode, cell_index: int | None = None, **rest: Any) -> None:
            self._began = time.monotonic()
            start(cell, cell_index, **rest)

        def cell_complete(cell: NotebookNode, cell_index: int | None = None, **rest: Any) -> None:
            if cell.cell_type == "code":
                self.seconds.append(round(time.monotonic() - self._began, 3))
            complete(cell, cell_index, **rest)
            if self._on_cell and cell_index is not None:
                self._on_cell(cell_index + 1, total)

        manager.cell_start, manager.cell_complete = cell_start, cell_complete

    def seconds_left(self, _: NotebookNode) -> float | None:
        """Seconds that the next cell may take; None without a limit."""
        limits: list[float] = [] if self._cell_timeout is None else [self._cell_timeout]
        if self._deadline is not None:
            limits.append(max(self._deadline - time.monotonic(), 0.001))  # nbclient takes 0 for no limit
        return min(limits, default=None)

    def explain(self, error: CellTimeoutError) -> Exception:
        """The error to report: that of the cell, or that the whole run took too long."""
        if self._deadline is None or time.monotonic() < self._deadline:
            return error
        msg = (
            f"the run was stopped after {self._run_timeout} seconds, as asked. Give it more time; stages that were "
            "finished are not computed again."
        )
        return RunTimeoutError(msg)


@dataclass(frozen=True)
class KernelOrder:
    """How the kernel of one run is started.

    Attributes
    ----------
    environment : mapping of str to str
        Variables on top of those of this process, which stays as it is: other runs may be on their way in it.
    processes : list of int
        Takes the number of the kernel's process once it runs.
    """

    environment: Mapping[str, str]
    processes: list[int] = field(default_factory=list)

    def manager(self) -> type[AsyncKernelManager]:
        """The class of managers that start such kernels."""
        order = self

        class _Manager(AsyncKernelManager):
            @property
            def kernel_spec(self) -> KernelSpec:
                # -P: the folder of the program is no place to import from.
                argv = [sys.executable, "-P", "-Xfrozen_modules=off", kernel.__file__, "-f", "{connection_file}"]
                return KernelSpec(argv=argv, display_name="Python 3", language="python")

            async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
                await super()._async_launch_kernel(
                    kernel_cmd, **{**options, "env": {**os.environ, **order.environment}}
                )
                order.processes.append(self.provisioner.pid)

        return _Manager


class _Engine(NBClientEngine):
    """papermill's own engine, which also has its cells watched."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, *, watch: CellWatch, order: KernelOrder, **options: Any
    ) -> None:
        """Execute under a watch, in a kernel as ordered, in the project's folder."""
        watch.attach(nb_man)
        # Not papermill's own cwd, which changes the folder of this process.
        options |= {"kernel_manager_class": order.manager(), "resources": {"metadata": {"path": str(project_root())}}}
        super().execute_managed_notebook(nb_man, kernel_name, timeout_func=watch.seconds_left, **options)


papermill_engines.register("brainalign", _Engine)


def execute_notebook(
    notebook: NotebookNode, changed: Mapping[str, Any], target: Path, watch: CellWatch, order: KernelOrder
) -> None:
    """Execute a notebook in a new kernel, in the project's folder.

    Parameters
    ----------
    notebook : NotebookNode
        What to execute.
    changed : mapping
        Parameters that differ from the cell; papermill writes them as literals into a cell of their own, so a page
        shows exactly what was changed, and no value is ever read as code.
    target : Path
        Where the executed notebook goes, also when a cell raises.
    watch : CellWatch
        Limits and progress.
    order : KernelOrder
        How the kernel is started. Nobody's start-up files run in it, and the project's source is compiled anew.

    Raises
    ------
    PapermillExecutionError
        When a cell raises.
    CellTimeoutError, RunTimeoutError
        When a cell, or the run, takes too long.
    """
    source = target.with_name("source.ipynb")
    nbformat.write(notebook, source)
    try:
        papermill.execute_notebook(
            *(_literal(path) for path in (source, target)),
            parameters=dict(changed),
            engine_name="brainalign",
            kernel_name="python3",
            progress_bar=False,
            watch=watch,
            order=order,
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # else it talks of TCP and of interrupts
        )
    except CellTimeoutError as error:
        raise watch.explain(error) from error
    finally:
        source.unlink()


def _literal(path: Path) -> str:
    # papermill fills {} in paths like a format string.
    return str(path).replace("{", "{{").replace("}", "}}")


def thread_environment(n_threads: int) -> dict[str, str]:
    """Environment variables that give every library of a kernel this number of threads.

    Raises
    ------
    UsageError
        For fewer than one.
    """
    if n_threads < 1:
        msg = f"{n_threads} threads cannot be; give 1 or more."
        raise UsageError(msg)
    # MKL_DYNAMIC: else MKL, and torch with it, takes fewer than it was given where there are fewer physical cores.
    return {**dict.fromkeys(THREAD_VARIABLES, str(n_threads)), "MKL_DYNAMIC": "FALSE"}


@contextmanager
def kernel_environment(added: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Environment variables for a kernel; what they name exists within the block.

    Parameters
    ----------
    added : mapping of str to str
        Variables on top of those that every run gets.

    Yields
    ------
    dict
        Read once, when Python, IPython, numba or CUDA starts.
    """
    with tempfile.TemporaryDirectory(prefix="brainalign-") as private:
        yield {
            "PYTHONHASHSEED": "0",
            "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
            "TRANSFORMERS_VERBOSITY": "error",  # what it says of unused tokens and the like belongs on no page
            "IPYTHONDIR": private,
            "NUMBA_CACHE_DIR": str(data_home() / "compiled" / compiled_source()),
            kernel.DATA: str(project_root() / "data"),
            **added,
        }


class PeakMemory:
    """Largest resident memory of some processes and their children while the block runs.

    Parameters
    ----------
    processes : list of int
        Their numbers; more may come.
    every : float
        Seconds between two looks.

    Attributes
    ----------
    peak : int
        Bytes.
    """

    def __init__(self, processes: list[int], every: float = 0.1) -> None:
        self.peak, self._processes, self._every, self._stop = 0, processes, every, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            total = sum(map(_resident, self._processes))
            self.peak = max(self.peak, total)


def _resident(process: int) -> int:
    total = 0
    try:
        started = psutil.Process(process)
        for one in (started, *started.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.Error:
        pass  # it ended between the list and the look
    return total
