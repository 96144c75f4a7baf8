"""`--set` for all studies of a command, or for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dmlcore import StudyError
from dmlcore.commands.options import installed
from dmlcore.study.load import load_study
from dmlcore.study.overrides import affecting, require_known_studies, settings_of
from toys import REGISTRY, STUDY


@pytest.fixture
def folder(registry: Any, tmp_path: Path) -> Path:
    """A study with a name, a study without one, and a study that needs the first."""
    (tmp_path / "1_margin.toml").write_text('name = "toy_margin"\n' + STUDY + '[grid]\n"loss.margin" = [0.1, 0.3]\n')
    (tmp_path / "2_dim.toml").write_text(STUDY + '[grid]\n"embedding.dim" = [2, 4]\n')
    (tmp_path / "3_best.toml").write_text(STUDY + '[best]\nfrom = ["1_margin.toml"]\ntake = ["loss.margin"]\n')
    return tmp_path


@pytest.mark.parametrize("study", ["1_margin", "toy_margin"])
def test_an_override_for_one_study_is_of_this_study_only(folder: Path, study: str) -> None:
    overrides = [f'{study}:grid={{"loss.margin"=[0.7]}}']
    assert load_study(folder / "1_margin.toml", REGISTRY, overrides).grid == {"loss.margin": (0.7,)}
    assert load_study(folder / "2_dim.toml", REGISTRY, overrides).grid == {"embedding.dim": (2, 4)}


def test_it_applies_to_a_study_that_a_best_needs(folder: Path) -> None:
    overrides = ['1_margin:grid={"loss.margin"=[0.7]}']
    assert load_study(folder / "3_best.toml", REGISTRY, overrides).study.loss.margin == 0.7  # type: ignore[union-attr]


def test_an_override_without_a_study_is_for_all(folder: Path) -> None:
    files = [load_study(path, REGISTRY, ["training.epochs=9"]) for path in folder.glob("*.toml")]
    assert {file.study.training.epochs for file in files} == {9}


def test_the_last_override_wins(folder: Path) -> None:
    path = folder / "2_dim.toml"
    for overrides, epochs in [
        (["training.epochs=9", "2_dim:training.epochs=8"], 8),
        (["2_dim:training.epochs=8", "training.epochs=9"], 9),
    ]:
        assert load_study(path, REGISTRY, overrides).study.training.epochs == epochs


def test_a_colon_in_a_value_names_no_study(folder: Path) -> None:
    file = load_study(folder / "2_dim.toml", REGISTRY, ["question=which: 2 or 4?"])
    assert file.study.question == "which: 2 or 4?"


def test_an_unknown_study_is_an_error_with_the_known_ones(folder: Path) -> None:
    with pytest.raises(StudyError) as caught:
        require_known_studies([folder / "3_best.toml"], ["2_dim:seeds=[0]"])
    assert str(caught.value) == (
        "--set 2_dim:seeds=[0]: no study of this command is named '2_dim'. Known: 3_best, toy_margin, 1_margin."
    )
    with pytest.raises(StudyError, match=r"Did you mean '1_margin' or 'toy_margin'\?"):
        require_known_studies([folder / "1_margin.toml"], ["1_margins:seeds=[0]"])


def test_every_command_with_studies_refuses_unknown_ones(folder: Path) -> None:
    with pytest.raises(StudyError, match="no study of this command is named 'dims'"):
        installed([folder / "2_dim.toml"], ["dims:seeds=[0]"])


def test_a_malformed_override_is_an_error_also_for_one_study(folder: Path) -> None:
    with pytest.raises(StudyError, match=r"^--set seeds: expected path=value"):
        load_study(folder / "2_dim.toml", REGISTRY, ["2_dim:seeds"])


def test_a_study_is_affected_by_the_overrides_of_those_that_it_needs(folder: Path) -> None:
    overrides = ["1_margin:seeds=[0]", "2_dim:seeds=[1]", "3_best:seeds=[2]", "training.epochs=9"]
    assert affecting([folder / "3_best.toml"], overrides) == [overrides[0], *overrides[2:]]
    assert affecting([folder / "1_margin.toml"], overrides) == [overrides[0], overrides[3]]


def test_settings_of_a_study_are_without_its_name(folder: Path) -> None:
    overrides = ["1_margin:seeds=[0]", "2_dim:seeds=[1]", "3_best:seeds=[2]"]
    assert settings_of(folder / "3_best.toml", overrides) == ["1_margin:seeds=[0]", "seeds=[2]"]
    assert settings_of(folder / "1_margin.toml", overrides) == ["seeds=[0]"]
