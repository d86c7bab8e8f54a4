"""Problems of data: readers stop at the first fatal one, the check lists them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from isthmus.core.errors import DataError

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file, a column or a sample.

    Attributes
    ----------
    place : str
        The file, column or row that is meant.
    sentence : str
        What is wrong, where, and what to do.
    fatal : bool
        Whether reading fails because of it; otherwise it is only worth a look.
    """

    place: str
    sentence: str
    fatal: bool = True


def raise_first(problems: Iterable[Problem]) -> None:
    """Raise the first fatal problem as a `DataError`; later ones are not even looked for."""
    for problem in problems:
        if problem.fatal:
            raise DataError(problem.sentence)


def collect(
    problems: list[Problem], place: str, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T | None:
    """Return the result of `action`, or None after adding its error to the problems."""
    try:
        return action(*args, **kwargs)
    except DataError as error:
        problems.append(Problem(place, str(error)))
        return None
