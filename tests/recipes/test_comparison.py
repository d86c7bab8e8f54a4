"""What a comparison says, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isthmus.core.errors import SettingError
from isthmus.data import CATALOGUE
from isthmus.recipes import comparison_names, find_comparison, find_recipe
from isthmus.recipes.comparison import parse_comparison
from support.comparisons import TEXT, parse


@pytest.mark.parametrize("name", comparison_names())
def test_every_comparison_is_whole_and_says_so_again(name: str) -> None:
    comparison = parse_comparison(find_comparison(name)[1], name)
    again = parse_comparison(comparison.to_toml(), name)
    assert again == comparison
    assert again.to_toml() == comparison.to_toml()
    assert comparison.description.strip().endswith(".")
    assert len(comparison.seeds) >= 3
    assert comparison.data.source in CATALOGUE


@pytest.mark.parametrize("name", comparison_names())
def test_every_comparison_builds_its_models(name: str) -> None:
    comparison = parse_comparison(find_comparison(name)[1], name)
    shape = CATALOGUE[str(comparison.data.source)].sample_shape
    samples = np.random.default_rng(0).integers(0, 256, (20, *shape), np.uint8)
    for title in comparison.models:
        model = comparison.build_model(title, 0)
        passes = [key for key in model.get_params() if key.endswith("epochs")]
        model.set_params(**dict.fromkeys(passes, 0)).fit(samples, np.arange(20) % 10)
        assert model.transform(samples).shape == (20, comparison.settings(title)["code_size"])


def test_what_is_shared_reaches_the_models_that_have_it() -> None:
    comparison = parse()
    plain, few, by_class = (comparison.settings(name) for name in comparison.models)
    assert plain["code_size"] == few["code_size"] == by_class["code_size"] == 8
    assert by_class["classification_weight"] == 2
    assert "classification_weight" not in plain
    assert "random_state" not in plain
    assert comparison.build_model("plain", 7).random_state == 7


def test_a_table_without_kind_changes_single_settings() -> None:
    networks = {name: parse().settings(name)["network"] for name in parse().models}
    assert networks["few-units"] == {**networks["plain"], "tied": True}
    assert networks["plain"]["output_activation"] == "sigmoid"
    other = parse("models.few-units.network={kind='dense'}").settings("few-units")["network"]
    assert (other["kind"], other["output_activation"]) == ("dense", "none")
    by_name = parse("shared.network=one_layer").settings("few-units")["network"]
    assert (by_name["kind"], by_name["tied"]) == ("one_layer", True)


def test_defaults_that_are_not_those_of_the_kind() -> None:
    text = TEXT.replace("scaling = ", "# ").replace('kind = "class_encoder"', "")
    change = "models.by-class={kind='stacked_autoencoder', network='dense'}"
    comparison = parse(change, "shared={epochs=1}", text=text)
    assert comparison.settings("by-class")["classifier"] is None
    assert "classifier =" not in comparison.to_toml()
    linear = parse("models.by-class={kind='linear_autoencoder'}", "shared={epochs=1}", text=text)
    assert linear.settings("by-class")["scaling"] == {"kind": "auto"}
    softmax = parse(change, "models.by-class.classifier=softmax", "shared={epochs=1}", text=text)
    assert parse(text=softmax.to_toml()).settings("by-class")["classifier"] == "softmax"


def test_the_resolved_comparison_can_be_changed() -> None:
    text = parse("models.few-units.epochs=4").to_toml()
    changed = parse("shared.epochs=3", "models.plain.network.tied=true", text=text)
    assert [changed.settings(name)["epochs"] for name in changed.models] == [3, 4, 3]
    assert changed.settings("plain")["network"]["tied"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("titel=x", ["'titel'", "'title'"]),
        ("modls.plain.kind=x", ["'modls'", "'models'"]),
        ("data.labls=x", ["'data.labls'", "'labels'"]),
        ("shared.epoch=3", ["'shared.epoch'", "'epochs'"]),
        ("shared.random_state=3", ["'shared.random_state'"]),
        ("shared.contraction_weight=3", ["'shared.contraction_weight'"]),
        ("models.plain.codesize=3", ["'models.plain.codesize'", "'code_size'"]),
        ("models.plain.method=l1", ["'models.plain.method'"]),
        ("models.plain.network.tide=true", ["models.plain", "tide", "'tied'"]),
        ("models.plain.kind=autoencodr", ["models.plain", "'autoencodr'", "'autoencoder'"]),
        ("models.new.epochs=3", ["'models.new.kind' is missing", "autoencoder"]),
        ("models.plain.epochs=-1", ["models.plain", "epochs"]),
        ("shared.epochs=many", ["epochs", "'many'"]),
        ("models.plain=3", ["models.plain"]),
        ("models={}", ["no model", "[models.NAME]"]),
        ("models.PCA.kind=autoencoder", ["'PCA'", "taken"]),
        ("models.Plain.kind=autoencoder", ["'Plain'", "taken"]),
        ("models.a/b.kind=autoencoder", ["'a/b'", "letters"]),
        ("seeds=[]", ["seeds"]),
        ("seeds=[1, 1]", ["seeds", "[1, 1]"]),
        ("seeds=[-1]", ["seeds"]),
        ("noise=gausian", ["'gausian'", "'gaussian'"]),
        ("noise={kind='gaussian', sigma=-1}", ["sigma"]),
        ("models.plain.scaling=standard", ["'plain'", "'few-units'", "scaling"]),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(change: str, words: list[str]) -> None:
    with pytest.raises(SettingError) as caught:
        parse(change)
    assert "\n" not in str(caught.value)
    for word in ["Comparison two", *words]:
        assert word in str(caught.value)


def test_a_comparison_is_no_recipe_and_a_recipe_no_comparison(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(TEXT)
    for name in ("family", str(mine)):
        with pytest.raises(SettingError, match=f"isthmus compare {name}"):
            find_recipe(name)
    with pytest.raises(SettingError, match="isthmus train digits-2d"):
        find_comparison("digits-2d")
    with pytest.raises(SettingError, match=r"'famly' \(did you mean 'family'\?\)"):
        find_comparison("famly")
    assert find_comparison(str(mine)) == ("mine", TEXT)
    mine.write_text("neither [toml")
    assert find_comparison(str(mine)) == find_recipe(str(mine))  # the parsers say what is wrong
