"""scikit-learn's own checks, over every registered estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from support.models import KINDS, quick

EXTRA_CHECKS = (
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_get_feature_names_out_error",
    "check_dataframe_column_names_consistency",
)
FEWEST_CHECKS = 47  # of scikit-learn 1.9; a check that vanishes is noticed


# Layers on layers round one sample otherwise than many, here by more than the 1e-7 that a check
# allows.
SHALLOW: dict[str, dict[str, Any]] = {"variational_autoencoder": {"network": "one_layer"}}
WITH_CLASSIFIER = quick("stacked_autoencoder", classifier=LogisticRegression())


@parametrize_with_checks(
    [*(quick(kind, **SHALLOW.get(kind, {})) for kind in KINDS), WITH_CLASSIFIER]
)
def test_estimator_contract(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


# The checks themselves mix frames and arrays.
@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize("name", EXTRA_CHECKS)
def test_output_contract(kind: str, name: str) -> None:
    getattr(estimator_checks, name)(type(quick(kind)).__name__, quick(kind))


def test_no_check_vanishes(kind: str) -> None:
    checks = [check for _, check in estimator_checks_generator(quick(kind))]
    assert len(checks) >= FEWEST_CHECKS
    names = {getattr(check, "func", check).__name__ for check in checks}
    assert {
        "check_estimators_pickle",
        "check_fit2d_1sample",
        "check_methods_subset_invariance",
        "check_n_features_in_after_fitting",
        "check_readonly_memmap_input",
        "check_transformer_general",
    } <= names
