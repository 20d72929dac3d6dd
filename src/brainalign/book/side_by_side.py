"""Chapters side by side: in processes of their own, the longest first, their progress told where it was asked for."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import Queue
from threading import Thread
from typing import Any, TypeVar

from brainalign.catalogue.home import use_data_home
from brainalign.runs.chapter import Chapter
from brainalign.runs.errors import BookError

Result = TypeVar("Result")
Tell = Callable[..., None]
"""Called with a word for what has happened, the chapter's name, and what belongs to it."""

_tell: list[Queue[Any]] = []  # the line to the process that asked; filled when a worker begins


def run_side_by_side(
    chapters: Sequence[Chapter], run: Callable[[Chapter, Tell], Result], *, jobs: int, tell: Tell
) -> Iterator[tuple[Chapter, Result]]:
    """Call a function for every chapter, several at a time, in processes of their own.

    Those that take longest at their defaults start first, so that no long one is left alone at the end.

    Parameters
    ----------
    chapters : sequence of Chapter
        What to run.
    run : callable
        Called in the other process. It can be pickled, and so can what it returns; what it raises is raised here.
    jobs : int
        Processes, 1 or more.
    tell : callable
        Called here, by another thread, whenever `run` calls the function that it was given.

    Yields
    ------
    chapter : Chapter
        One that has ended; they come as they end.
    result : Any
        What `run` returned for it.

    Raises
    ------
    BookError
        A process was killed, most often for want of memory.
    """
    context = multiprocessing.get_context("spawn")  # threads of the numerical libraries do not survive a fork
    line = context.Queue()
    listener = Thread(target=_pass_on, args=(line, tell), daemon=True)
    listener.start()
    pool = ProcessPoolExecutor(min(jobs, len(chapters)), mp_context=context, initializer=_begin, initargs=(line,))
    try:
        longest_first = sorted(chapters, key=lambda chapter: -chapter.declaration.minutes)
        asked = {pool.submit(_call, run, chapter): chapter for chapter in longest_first}
        for future in as_completed(asked):
            yield asked[future], future.result()
    except BrokenProcessPool as error:
        raise BookError(_KILLED) from error
    except BaseException:
        for process in multiprocessing.active_children():
            os.kill(process.pid, signal.SIGINT)
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        line.put(None)
        listener.join()


_KILLED = (
    "a process in which a chapter ran was killed, most often because the memory was full. Chapters that were finished "
    "are kept. Run the same again with fewer at a time: --jobs 1"
)


def _pass_on(line: Queue[Any], tell: Tell) -> None:
    while (message := line.get()) is not None:
        tell(*message)


def _begin(line: Queue[Any]) -> None:
    use_data_home()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked is interrupted, too, and says so
    _tell.append(line)


def _call(run: Callable[[Chapter, Tell], Result], chapter: Chapter) -> Result:
    signal.signal(signal.SIGINT, _stop)
    try:
        return run(chapter, lambda *message: _tell[0].put(message))
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stop(*_: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would stop the cleaning up
    raise KeyboardInterrupt
