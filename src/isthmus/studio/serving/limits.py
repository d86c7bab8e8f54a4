"""What a server takes at most, so that no request uses up the machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a server, beside `Access.most_bytes` of a body.

    Attributes
    ----------
    pixels
        Of all images of a request together, checked before they are decoded.
    samples
        Of a request.
    batch
        Samples of several requests that are computed together; 1 computes each request by itself.
    wait
        Seconds that a request waits for others to join it, while there are others.
    waiting
        Requests that a model has taken and not yet answered; more are refused by 503.
    seconds
        For a request to be sent (408), and for its answer to be ready (504).
    """

    pixels: int = 16_000_000
    samples: int = 1024
    batch: int = 64
    wait: float = 0.002
    waiting: int = 256
    seconds: float = 30.0
