"""What every entry of every registry keeps to."""

from __future__ import annotations

import inspect
import json
import re

import pytest

from isthmus.core.errors import SettingError
from isthmus.core.registry import Registry
from isthmus.corruption import CORRUPTIONS
from isthmus.data.augmentation import AUGMENTATIONS
from isthmus.data.intensities import INTENSITIES
from isthmus.data.scaling import SCALINGS
from isthmus.inference.borders import BORDERS
from isthmus.inference.classical import RESTORERS
from isthmus.latent.cluster import CLUSTERERS
from isthmus.metrics import METRICS
from isthmus.models import MODELS
from isthmus.networks import CODE_ACTIVATIONS, NETWORKS
from isthmus.objectives import LOSSES, PENALTIES
from isthmus.training import OPTIMIZERS, SCHEDULES

REGISTRIES = [
    NETWORKS,
    CODE_ACTIVATIONS,
    LOSSES,
    PENALTIES,
    CORRUPTIONS,
    AUGMENTATIONS,
    SCALINGS,
    INTENSITIES,
    OPTIMIZERS,
    SCHEDULES,
    METRICS,
    RESTORERS,
    BORDERS,
    CLUSTERERS,
    MODELS,
]
REQUIRED = {"penalty": {"weight": 0.1}}  # settings without a default, by role

each_registry = pytest.mark.parametrize("registry", REGISTRIES, ids=lambda r: r.role)
each_entry = pytest.mark.parametrize(
    ("registry", "kind"),
    [pytest.param(r, kind, id=f"{r.role}-{kind}") for r in REGISTRIES for kind in r],
)


def least_spec(registry: Registry, kind: str) -> dict:
    return {"kind": kind, **REQUIRED.get(registry.role, {})}


@each_registry
def test_registry_has_entries_and_a_role_of_its_own(registry):
    assert list(registry)
    assert [r.role for r in REGISTRIES].count(registry.role) == 1


@each_entry
def test_kind_is_lower_snake_case_and_set_on_the_class(registry, kind):
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", kind)
    assert registry[kind].kind == kind


@each_entry
def test_class_and_its_public_methods_are_documented(registry, kind):
    entry = registry[kind]
    assert entry.__doc__
    assert entry.__module__.startswith("isthmus.")
    undocumented = [
        f"{owner.__name__}.{name}"
        for owner in entry.__mro__
        if owner.__module__.startswith("isthmus.")
        for name, member in vars(owner).items()
        if not name.startswith("_") or name == "__call__"
        if inspect.isfunction(member) and not inspect.getdoc(member)
    ]
    assert not undocumented


@each_entry
def test_settings_are_documented(registry, kind):
    """Each setting stands in the docstring of its class or of a class above."""
    entry = registry[kind]
    text = "\n".join(owner.__doc__ or "" for owner in entry.__mro__)
    settings = registry.check(least_spec(registry, kind)).keys() - {"kind"}
    assert [name for name in settings if not re.search(rf"\b{name}\b", text)] == []


@each_entry
def test_check_fills_defaults_and_may_be_repeated(registry, kind):
    spec = least_spec(registry, kind)
    full = registry.check(spec)
    declared = inspect.signature(registry[kind].__init__).parameters.values()
    keyword_only = {p.name for p in declared if p.kind is p.KEYWORD_ONLY}
    by_place = {"network"} if kind.endswith("segmenter") else set()
    assert set(full) == {"kind"} | keyword_only | by_place
    assert full.items() >= spec.items()
    assert registry.check(full) == full
    assert spec == least_spec(registry, kind), "the caller's spec was changed"


@each_entry
def test_full_spec_survives_json(registry, kind):
    full = registry.check(least_spec(registry, kind))
    assert registry.check(json.loads(json.dumps(full))) == full


@each_entry
def test_kind_alone_is_a_spec_unless_a_setting_is_required(registry, kind):
    if registry.role not in REQUIRED:
        assert registry.check(kind) == registry.check({"kind": kind})
        return
    (missing,) = REQUIRED[registry.role]
    with pytest.raises(SettingError, match=f"^{registry.role} '{kind}': .*'{missing}' is missing"):
        registry.check(kind)


@each_entry
def test_misspelt_kind_is_refused_with_the_nearest_and_all_names(registry, kind):
    with pytest.raises(SettingError) as caught:
        registry.check(kind + "q")
    message = str(caught.value)
    assert message.startswith(f"Unknown {registry.role} '{kind}q' (did you mean '{kind}'?).")
    assert message.endswith(f"Choose from: {', '.join(registry)}.")


@each_entry
def test_misspelt_key_is_refused_with_the_nearest_and_all_names(registry, kind):
    spec = least_spec(registry, kind)
    known = [name for name in registry.check(spec) if name != "kind"]
    for key in known:
        with pytest.raises(SettingError) as caught:
            registry.check({**spec, key + "q": 1})
        message = str(caught.value)
        assert message.startswith(f"{registry.role} '{kind}': unknown key '{key}q'")
        assert f"(did you mean '{key}'?)" in message
        assert message.endswith(f"Known keys: {', '.join(known)}.")
    if not known:
        with pytest.raises(SettingError, match=r"unknown key 'x'\. There are no settings\.$"):
            registry.check({**spec, "x": 1})


@each_entry
def test_kind_cannot_be_registered_twice(registry, kind):
    before = registry[kind]
    with pytest.raises(SettingError, match=f"A {registry.role} named '{kind}' is registered"):
        registry.register(kind)(type("Other", (), {}))
    assert registry[kind] is before


@each_registry
@pytest.mark.parametrize("spec", [3, None, [], {}, {"kind": 3}, {"knd": "x"}], ids=repr)
def test_what_is_no_spec_is_refused(registry, spec):
    with pytest.raises(SettingError, match=f"^A {registry.role} is given by its kind"):
        registry.check(spec)
