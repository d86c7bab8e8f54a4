"""Types of settings, checked by pydantic wherever a signature carries them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import Discriminator, Tag, ValidatorFunctionWrapHandler, WrapValidator

from isthmus.core.errors import SettingError

PositiveInt = Annotated[int, Gt(0)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
Fraction = Annotated[float, Ge(0), Lt(1)]
Probability = Annotated[float, Ge(0), Le(1)]
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16"]


def _in_order(value: Any, check: ValidatorFunctionWrapHandler) -> tuple[float, float]:
    if isinstance(value, list | tuple) and len(value) == 2:
        low, high = check(value)
        if low <= high:
            return low, high
    raise SettingError(f"a range is written [lowest, highest], not {value!r}.")


def _number_or_range(value: Any) -> str:
    # The names are not identifiers, so that messages leave them out of the place of a fault.
    return "a range" if isinstance(value, list | tuple) else "a number"


PositiveRange = Annotated[tuple[PositiveFloat, PositiveFloat], WrapValidator(_in_order)]
ProbabilityRange = Annotated[tuple[Probability, Probability], WrapValidator(_in_order)]
PositiveFloatOrRange = Annotated[
    Annotated[PositiveFloat, Tag("a number")] | Annotated[PositiveRange, Tag("a range")],
    Discriminator(_number_or_range),
]
