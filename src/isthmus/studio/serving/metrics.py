"""What Prometheus reads: requests, errors, latency, and how large the batches are."""

from __future__ import annotations

import os
import time
from collections.abc import MutableMapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # where several workers keep their counts
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SAMPLES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_CLIENT_GONE = 499  # as nginx counts those who did not wait for their answer


class Metrics:
    """Counts of one server; of all its workers, where these share a folder."""

    def __init__(self) -> None:
        own = self._own = CollectorRegistry()
        ProcessCollector(registry=own)  # memory and processor time, of a single process
        asked, model = ("route", "model"), ("model",)
        self.requests = Counter(
            "isthmus_requests", "Requests that were answered.", (*asked, "status"), registry=own
        )
        self.errors = Counter(
            "isthmus_errors", "Answers of status 400 and above.", (*asked, "status"), registry=own
        )
        self.latency = Histogram(
            "isthmus_request_seconds",
            "From the first byte of a request to the last of its answer.",
            asked,
            buckets=_SECONDS,
            registry=own,
        )
        self.waiting = Gauge(
            "isthmus_waiting_requests",
            "Requests that a model has taken and not yet answered.",
            model,
            registry=own,
            multiprocess_mode="livesum",
        )
        self.batches = Histogram(
            "isthmus_batch_samples",
            "Samples that were computed together.",
            ("model", "verb"),
            buckets=_SAMPLES,
            registry=own,
        )
        self.seconds = Histogram(
            "isthmus_compute_seconds",
            "That a batch took.",
            ("model", "verb"),
            buckets=_SECONDS,
            registry=own,
        )

    def answered(self, route: str, model: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self.requests.labels(route, model, status).inc()
        if status >= 400:
            self.errors.labels(route, model, status).inc()
        self.latency.labels(route, model).observe(seconds)

    def computed(self, model: str, verb: str, samples: int, seconds: float) -> None:
        """Count a batch."""
        self.batches.labels(model, verb).observe(samples)
        self.seconds.labels(model, verb).observe(seconds)

    def text(self) -> bytes:
        """All counts in Prometheus' text format."""
        registry = self._own
        if SHARED in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
        return generate_latest(registry)


class Counting:
    """ASGI middleware: counts every answer, also of what no route has seen."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count how it ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), _CLIENT_GONE

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            seconds = time.perf_counter() - began
            self._metrics.answered(_route(scope), _model(scope), status, seconds)


def note_model(scope: MutableMapping[str, Any], name: str) -> None:
    """Say for which model a request is."""
    scope["isthmus.model"] = name


def _model(scope: Scope) -> str:
    return str(scope.get("isthmus.model", ""))


def _route(scope: Scope) -> str:
    """The route's own words, of which there are few; what clients make up is one of them."""
    return str(getattr(scope.get("route"), "path", "other"))
