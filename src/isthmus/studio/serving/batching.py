"""A queue before a model: requests that come close together are computed as one batch."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isthmus.studio.serving.limits import Limits
from isthmus.studio.serving.metrics import Metrics
from isthmus.studio.serving.tensors import Outputs
from isthmus.studio.serving.verbs import Verb

Array = NDArray[Any]
_RETRY = 1  # seconds after which one who was refused may ask again


class Full(Exception):
    """So many requests wait for a model that no more are taken."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Too many requests wait for '{name}'; ask again in {_RETRY} s.")
        self.headers = {"Retry-After": str(_RETRY)}


@dataclass(eq=False)
class _Job:
    """Samples of one request, and whom to tell."""

    verb: Verb
    label: str | None
    samples: Array
    answer: asyncio.Future[Outputs]
    arrived: float = field(default_factory=time.monotonic)

    @property
    def key(self) -> tuple[Any, ...]:
        """Of jobs that may be computed together."""
        return self.verb, self.label, self.samples.shape[1:], self.samples.dtype

    def settle(self, outcome: Outputs | Exception) -> None:
        """Tell the asker, from another thread; one who has gone is left alone."""
        with suppress(RuntimeError):  # its loop is closed
            self.answer.get_loop().call_soon_threadsafe(self._settle, outcome)

    def _settle(self, outcome: Outputs | Exception) -> None:
        if self.answer.done():
            return
        if isinstance(outcome, Exception):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


class Queue:
    """Jobs of one model, which a thread of its own computes in the order of their coming.

    The first job waits for others like it, at most `Limits.wait` and only while the last batch was
    of several requests, so that one who asks alone is answered at once. If a batch fails, each of
    its jobs is tried by itself: what is wrong with one is not told to the others.
    """

    def __init__(self, name: str, limits: Limits, metrics: Metrics) -> None:
        self._name, self._limits, self._metrics = name, limits, metrics
        self._jobs: list[_Job] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._taken = 0
        self._crowded = False
        self._closed = False

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among those who are being answered; it is free again in the end.

        Raises
        ------
        Full
            If there is none.
        """
        if self._taken >= self._limits.waiting:
            raise Full(self._name)
        self._taken += 1
        self._metrics.waiting.labels(self._name).inc()
        try:
            yield
        finally:
            self._taken -= 1
            self._metrics.waiting.labels(self._name).dec()

    async def ask(self, verb: Verb, samples: Array, label: str | None = None) -> Outputs:
        """The outputs for these samples; one who stops waiting is taken out of the queue."""
        job = _Job(verb, label, samples, asyncio.get_running_loop().create_future())
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._jobs.append(job)
            self._changed.notify()
        try:
            return await job.answer
        finally:
            if not job.answer.done() or job.answer.cancelled():
                with self._changed, suppress(ValueError):
                    self._jobs.remove(job)

    def close(self) -> None:
        """End the thread after the batch that it computes."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    # -- in the thread ----------------------------------------------------------------------------

    def _work(self) -> None:
        while jobs := self._next():
            for job, outcome in zip(jobs, self._outcomes(jobs), strict=True):
                job.settle(outcome)

    def _next(self) -> list[_Job]:
        """The jobs of the next batch; none once the queue is closed."""
        with self._changed:
            while not self._closed:
                if not self._jobs:
                    self._changed.wait()
                    continue
                first, batch = self._jobs[0], self._like_first()
                end = first.arrived + (self._limits.wait if self._crowded else 0)
                left = end - time.monotonic()
                full = sum(len(job.samples) for job in batch) >= self._limits.batch
                if left > 0 and first.verb.stacks and not full:
                    self._changed.wait(left)
                    continue
                self._jobs = [job for job in self._jobs if job not in batch]
                self._crowded = len(batch) > 1
                return batch
        return []

    def _like_first(self) -> list[_Job]:
        """The first job and those after it that go with it, up to the largest batch."""
        first, *others = self._jobs
        batch, count = [first], len(first.samples)
        for job in others if first.verb.stacks else ():
            if job.key == first.key and count + len(job.samples) <= self._limits.batch:
                batch.append(job)
                count += len(job.samples)
        return batch

    def _outcomes(self, jobs: Sequence[_Job]) -> list[Outputs | Exception]:
        try:
            return list(self._computed(jobs))
        except Exception as error:
            if len(jobs) == 1:
                return [error]
            return [outcome for job in jobs for outcome in self._outcomes([job])]

    def _computed(self, jobs: Sequence[_Job]) -> list[Outputs]:
        """Outputs of one batch, each job's cut out of them."""
        verb = jobs[0].verb
        samples = [job.samples for job in jobs]
        stacked = samples[0] if len(samples) == 1 else np.concatenate(samples)
        began = time.perf_counter()
        outputs = verb.run(stacked, jobs[0].label)
        self._metrics.computed(self._name, verb.name, len(stacked), time.perf_counter() - began)
        ends = np.cumsum([len(one) for one in samples])
        return [
            {name: array[end - len(own) : end] for name, array in outputs.items()}
            for own, end in zip(samples, ends, strict=True)
        ]
