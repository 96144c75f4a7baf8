"""Values beyond a limit: a message with file and line, and no time spent on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dmlcore.errors import StudyError
from dmlcore.study.document import parse_override
from toys import STUDY

INTEGERS = "an integer must be from -9223372036854775808 to 9223372036854775807 (64 bits)."
DEEP = "arrays or tables are nested too deep; at most 50 levels are possible."
LINES = STUDY.count("\n")


def message(make_study: Any, added: str) -> str:
    with pytest.raises(StudyError) as caught:
        make_study(added=added)
    return str(caught.value)


@pytest.mark.parametrize(
    ("added", "said"),
    [
        (f"x = {'[' * 401}{']' * 401}\n", f":{LINES + 1}: evaluators[0].x: {DEEP}"),
        (f"x = {'[' * 5000}{']' * 5000}\n", f":{LINES + 1}: {DEEP}"),
        (f"x = {'[' * 60}{']' * 60}\n", f":{LINES + 1}: evaluators[0].x: {DEEP}"),
        (f"x = {'{a = ' * 60}1{'}' * 60}\n", f":{LINES + 1}: evaluators[0].x: {DEEP}"),
        (f"{'a.' * 3000}b = 1\n", f":{LINES + 1}: "),
        (f"x = {'9' * 4301}\n", f":{LINES + 1}: {INTEGERS}"),
        (f"\nx = 0x{'f' * 5000}\n", f":{LINES + 2}: evaluators[0].x: {INTEGERS}"),
        (f"x = {2**63}\n", f":{LINES + 1}: evaluators[0].x: {INTEGERS}"),
        (f"x = {[0] * 6000}\n", ":1: 6,0"),
    ],
)
def test_values_beyond_a_limit(make_study: Any, tmp_path: Path, added: str, said: str) -> None:
    assert message(make_study, added).startswith(f"{tmp_path / 'toy.toml'}{said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"x={'9' * 4301}", f"--set x={'9' * 78}… (4,303 characters): {INTEGERS}"),
        (f"x={'[' * 500}", f"--set x={'[' * 78}… (502 characters): {DEEP}"),
        ("x=18446744073709551616", f"--set x=18446744073709551616: {INTEGERS}"),
        ("x=\udcff", "--set 'x=\\udcff': not valid text in UTF-8."),
    ],
)
def test_overrides_beyond_a_limit(text: str, said: str) -> None:
    with pytest.raises(StudyError) as caught:
        parse_override(text)
    assert str(caught.value) == said


def test_a_huge_index_is_no_index() -> None:
    assert parse_override(f"a.{'9' * 5000}=1") == (("a", "9" * 5000), 1)


def test_the_largest_integers_are_read() -> None:
    assert parse_override(f"x={[2**63 - 1, -(2**63)]}")[1] == [2**63 - 1, -(2**63)]


def test_a_grid_of_a_million_points_is_refused_at_once(make_study: Any, tmp_path: Path) -> None:
    grid = f'"embedding.dim" = {list(range(1, 1001))}\n"training.batch_size" = {list(range(1, 1001))}\n'
    assert message(make_study, f"[grid]\n{grid}") == (
        f"{tmp_path / 'toy.toml'}: 1,000,000 grid points × 2 seeds = 2,000,000 runs; a study has at most 2,000. Vary"
        " fewer values, or divide the grid among several study files."
    )


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ('"a\\u0000b"', "A path has no NUL character."),
        ('"C:\\temp"', "A path has no control character such as '\\t'. In double quotes, a backslash starts an escape"),
        (f'"{"x" * 300}"', "A path has at most 4,000 characters, and 255 between two slashes."),
        ('"~no-such-user/x"', "There is no home folder of this name."),
    ],
)
def test_texts_that_are_no_path(make_study: Any, path: str, why: str) -> None:
    with pytest.raises(StudyError) as caught:
        make_study(text=STUDY.replace('use = "squares"', f'use = "squares"\nroot = {path}'))
    assert ":6: dataset.root\n    expected  a path\n" in str(caught.value)
    assert f"\n    {why}" in str(caught.value)


def test_extends_is_checked_too(make_study: Any, tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        make_study(text=f'extends = "a\\u0000"\n{STUDY}')
    assert str(caught.value) == f"{tmp_path / 'toy.toml'}: extends: a path has no NUL character."


@pytest.mark.parametrize("name", ["../up", "/tmp/x", "a\\b", "a\tb", ".smoke", " a", "\u202eab"])
def test_names_that_are_no_folder(make_study: Any, name: str) -> None:
    with pytest.raises(StudyError, match="A name has no slash, backslash or control character, no dot at its start"):
        make_study(text=f"name = '{name}'\n{STUDY}")


def test_a_name_that_is_too_long(make_study: Any) -> None:
    with pytest.raises(StudyError, match="A name has at most 200 bytes"):
        make_study(text=f"name = '{'ä' * 101}'\n{STUDY}")


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e400"])
def test_numbers_are_finite(make_study: Any, value: str) -> None:
    with pytest.raises(StudyError, match=r"loss.margin\n    expected  a finite number ≥ -1 and ≤ 1 cosine"):
        make_study(f"loss.margin={value}")


def test_long_values_are_shortened_in_messages(make_study: Any) -> None:
    with pytest.raises(StudyError) as caught:
        make_study(f"training.epochs={'q' * 5000}", f"training.{'k' * 5000}=1")
    text = str(caught.value)
    assert f'got       "{"q" * 80}… (5,000 characters)" (a string)' in text
    assert f"--set training.{'k' * 80}… (5,000 characters)\n" in text
    assert len(text) < 1500


def test_many_problems_are_counted(make_study: Any) -> None:
    text = message(make_study, "".join(f"k{number} = 1\n" for number in range(1000)))
    assert "988 more unknown keys." in text
    assert text.count("expected") == 12


def test_names_of_runs_fit_into_a_file_system(make_study: Any) -> None:
    (short,) = make_study("seeds=[3]", added='\n[grid]\n"embedding.dim" = [4]\n').runs
    assert short.name == f"embedding.dim=4_seed=3_{short.fingerprint[:12]}"
    grid = "\n[grid]\nloss = [{ use = 'pair', miner = { use = 'hard_pairs', epsilon = 0.123456789 } }]\n"
    paths = "".join(
        f'"transforms.{name}" = [[0.111111111111, 0.22222222222222]]\n' for name in ("crop_scale", "crop_ratio")
    )
    (long,) = make_study(
        "seeds=[3]", "question=x", added=grid + paths + '"backbone.weights" = ["%s"]\n' % ("ö" * 150)
    ).runs
    assert len(long.name.encode()) <= 240
    assert long.name.endswith(f"_seed=3_{long.fingerprint[:12]}")


def test_a_boolean_in_the_spelling_of_python(make_study: Any) -> None:
    with pytest.raises(StudyError, match=r"Write true, in lower case and without quotes\."):
        make_study("training.deterministic=True")
