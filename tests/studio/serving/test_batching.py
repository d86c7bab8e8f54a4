"""The queue: each gets its own answer, whatever the others sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from isthmus.core.errors import DataError
from isthmus.studio.serving.batching import Full, Queue
from isthmus.studio.serving.limits import Limits
from isthmus.studio.serving.metrics import Metrics
from isthmus.studio.serving.tensors import Outputs, Tensor
from isthmus.studio.serving.verbs import Verb
from studio.serving.conftest import run

TENSOR = Tensor("x", "FP32", (-1, 1))


def doubling(seen: list[int], hold: threading.Event | None = None) -> Verb:
    """Doubles what is not negative, and notes the sizes of its batches."""

    def run(x: Any, _: str | None) -> Outputs:
        if hold is not None:
            hold.wait(10)
        seen.append(len(x))
        if (x < 0).any():
            raise DataError("A negative number.")
        return {"x": 2 * x}

    return Verb("double", TENSOR, (TENSOR,), run)


def in_queue(act: Callable[[Queue], Any], **limits: Any) -> Any:
    queue = Queue("one", Limits(**limits), Metrics())
    try:
        return run(act(queue))
    finally:
        queue.close()


def test_all_get_their_own_answers_in_few_batches() -> None:
    seen: list[int] = []
    hold = threading.Event()
    verb = doubling(seen, hold)

    async def act(queue: Queue) -> list[Outputs]:
        asked = [
            asyncio.create_task(queue.ask(verb, np.full((1 + place % 3, 1), place)))
            for place in range(100)
        ]
        await asyncio.sleep(0)
        hold.set()
        return await asyncio.gather(*asked)

    answers = in_queue(act, batch=32)
    for place, answer in enumerate(answers):
        np.testing.assert_array_equal(answer["x"], np.full((1 + place % 3, 1), 2 * place))
    assert sum(seen) == sum(1 + place % 3 for place in range(100))
    assert max(seen) <= 32
    assert len(seen) < 20


def test_one_that_fails_spoils_no_other() -> None:
    seen: list[int] = []
    hold = threading.Event()
    verb = doubling(seen, hold)

    async def act(queue: Queue) -> list[Any]:
        values = (1, 2, -1, 3, 4)
        asked = [asyncio.create_task(queue.ask(verb, np.full((1, 1), v))) for v in values]
        await asyncio.sleep(0)
        hold.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    one, two, bad, *others = in_queue(act)
    assert [float(answer["x"][0, 0]) for answer in (one, two, *others)] == [2, 4, 6, 8]
    assert isinstance(bad, DataError)


def test_samples_of_other_shapes_and_classes_are_not_mixed() -> None:
    hold = threading.Event()
    batches: list[tuple[Any, str | None]] = []

    def run(x: Any, label: str | None) -> Outputs:
        hold.wait(10)
        batches.append((x.shape[1:], label))
        return {"x": x}

    verb = Verb("same", TENSOR, (TENSOR,), run)
    kinds = [((1, 1), "a"), ((1, 2), "a"), ((1, 1), "b"), ((1, 1), "a")]

    async def act(queue: Queue) -> list[Outputs]:
        asked = [
            queue.ask(verb, np.full(shape, n), label) for n, (shape, label) in enumerate(kinds)
        ]
        tasks = [asyncio.create_task(one) for one in asked]
        await asyncio.sleep(0)
        hold.set()
        return await asyncio.gather(*tasks)

    for number, answer in enumerate(in_queue(act)):
        assert answer["x"].shape == kinds[number][0]
        assert (answer["x"] == number).all()
    assert set(batches) == {((1,), "a"), ((2,), "a"), ((1,), "b")}


def test_a_full_queue_refuses_and_a_place_becomes_free() -> None:
    async def act(queue: Queue) -> None:
        with queue.place(), queue.place():
            with pytest.raises(Full, match="'one'"), queue.place():
                pass
        with queue.place():
            pass

    in_queue(act, waiting=2)


def test_who_stops_waiting_is_computed_no_more() -> None:
    seen: list[int] = []
    began, hold = threading.Event(), threading.Event()

    def run(x: Any, _: str | None) -> Outputs:
        began.set()
        hold.wait(10)
        seen.append(len(x))
        return {"x": x}

    verb = Verb("same", TENSOR, (TENSOR,), run)

    async def act(queue: Queue) -> None:
        first = asyncio.create_task(queue.ask(verb, np.ones((1, 1))))
        await asyncio.to_thread(began.wait, 10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(queue.ask(verb, np.ones((7, 1))), 0.01)
        hold.set()
        await first
        await queue.ask(verb, np.ones((2, 1)))

    in_queue(act)
    assert seen == [1, 2]
