"""Who sums: this thread, or several threads, each with the linear algebra library held to one thread.

Many small matrix products run far faster side by side on our own threads than each one split by the library over
its threads, which on a busy machine can be many times slower than no threads at all.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar

# threadpoolctl comes with scikit-learn, as its own dependency.
from threadpoolctl import ThreadpoolController

T = TypeVar("T")

# Products of fewer multiplications than this the library does not split, so there is nothing to hold it from.
_SMALL = 2**18


@cache
def _controller() -> ThreadpoolController:
    # Looking for the loaded libraries takes milliseconds: once per process.
    return ThreadpoolController().select(user_api="blas")


class _SingleThreadedBlas:
    """Hold BLAS to one thread while any fit of this process needs it.

    The setting is the process's: fits that overlap in time must not restore what another one has set.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limiter: Any = None

    def acquire(self) -> None:
        with self._lock:
            if self._users == 0:
                self._limiter = _controller().limit(limits=1)
            self._users += 1

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._limiter.restore_original_limits()


_SINGLE_THREADED_BLAS = _SingleThreadedBlas()


def available_threads() -> int:
    """Return how many threads BLAS would use now: the cores, or fewer by environment or inside joblib's workers."""
    return max([library.num_threads for library in _controller().lib_controllers], default=1)


class Workers:
    """A context in which tasks run on up to `n_jobs` threads, with results in the tasks' order.

    Nothing is started or looked up before there is more than a little to do, so small data cost nothing.

    Parameters
    ----------
    n_jobs : int, optional
        None: as many threads as BLAS would use. Negative: all but `-n_jobs - 1` of the available ones.
    """

    def __init__(self, n_jobs: int | None = None):
        self._n_jobs = n_jobs
        self._pool: ThreadPoolExecutor | None = None
        self._n_threads = 0

    def __reduce__(self) -> tuple[Any, ...]:
        # Sent to another process it runs on one thread: the processes share the cores.
        return type(self), (1,)

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the threads and give BLAS its own back."""
        if self._n_threads:
            _SINGLE_THREADED_BLAS.release()
            self._n_threads = 0
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    @property
    def n_threads(self) -> int:
        """How many tasks run at once."""
        self._start()
        return self._n_threads

    def map(self, make_worker: Callable[[], Callable[[Any], T]], tasks: Iterable[Any], size: int) -> list[T]:
        """Return the result of each task.

        Parameters
        ----------
        make_worker : callable
            Called once per thread: returns the function of one task, with buffers of its own.
        tasks : iterable
        size : int
            About how many multiplications the largest matrix product of all the tasks takes.
        """
        tasks = list(tasks)
        if len(tasks) <= 1 and size < _SMALL:
            return [make_worker()(task) for task in tasks]
        self._start()
        n_workers = min(self._n_threads, len(tasks))
        if n_workers == 1:
            return list(map(make_worker(), tasks))
        results: list[Any] = [None] * len(tasks)
        # `next` on a shared counter is atomic: a thread that is free takes the next task.
        turns = count()
        # Once a thread has ended, nothing is left to begin, or something went wrong: then the others end soon as well.
        over = threading.Event()

        def work() -> None:
            try:
                worker = make_worker()
                while not over.is_set() and (turn := next(turns)) < len(tasks):
                    results[turn] = worker(tasks[turn])
            finally:
                over.set()

        if self._pool is None:
            # The calling thread is one of the workers.
            self._pool = ThreadPoolExecutor(self._n_threads - 1, thread_name_prefix="sklearn_em")
        others: list[Future[None]] = []
        try:
            others += (self._pool.submit(work) for _ in range(n_workers - 1))
            work()
        finally:
            over.set()
            for other in others:
                other.result()
        return results

    def _start(self) -> None:
        if self._n_threads:
            return
        if self._n_jobs is None or self._n_jobs < 0:
            available = available_threads()
            n_threads = available if self._n_jobs is None else max(1, available + 1 + self._n_jobs)
        else:
            n_threads = self._n_jobs
        _SINGLE_THREADED_BLAS.acquire()
        self._n_threads = n_threads
