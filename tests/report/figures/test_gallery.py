"""Galleries against plain loops over the neighbors."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from attrs import evolve

from dmlcore.report.figures.gallery import SHOWN, class_recalls, confusions, retrieval, short_file, worst_rows
from dmlcore.results.evidence import Evidence


@pytest.fixture
def evidence() -> Evidence:
    """Forty images of eight classes, one of them with a single image, with neighbors in any order."""
    chance = np.random.default_rng(3)
    labels = np.r_[np.repeat(np.arange(7), 6)[:39], 7].astype(np.int64)
    vectors = chance.normal(size=(40, 5)) + 0.6 * np.eye(8, 5)[labels]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    order = np.argsort(-cosines, axis=1)[:, :10]
    nothing = np.zeros(1)
    return Evidence(
        labels=labels,
        class_names=tuple("abcdefgh"),
        queries={},
        spectrum=nothing,
        similarity_edges=nothing,
        positive_density=nothing,
        negative_density=nothing,
        neighbors=order.astype(np.int32),
        neighbor_similarities=np.take_along_axis(cosines, order, 1).astype(np.float32),
    )


def mistakes(evidence: Evidence) -> dict[int, tuple[bool, float]]:
    """Wrong query → whether nothing stored is right, and how far the nearest right one is behind."""
    found = {}
    for row, (nearest, cosines) in enumerate(zip(evidence.neighbors, evidence.neighbor_similarities, strict=True)):
        right = [evidence.labels[n] == evidence.labels[row] for n in nearest]
        if right[0] or (evidence.labels == evidence.labels[row]).sum() == 1:
            continue
        behind = [float(cosines[0] - cosine) for cosine, good in zip(cosines, right, strict=True) if good]
        found[row] = (not behind, behind[0] if behind else float(cosines[0] - cosines[-1]))
    return found


def test_the_worst_mistakes_come_first(evidence: Evidence) -> None:
    expected = mistakes(evidence)
    rows = worst_rows(evidence).tolist()
    assert sorted(rows) == sorted(expected)
    ranks = [expected[row] for row in rows]
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0][0], "a query without any right neighbour is there"


def test_recall_of_each_class(evidence: Evidence) -> None:
    recalls = class_recalls(evidence)
    expected = {}
    for place, name in enumerate("abcdefg"):
        rows = np.flatnonzero(evidence.labels == place)
        expected[name] = np.mean([evidence.labels[evidence.neighbors[row, 0]] == place for row in rows])
    assert {recall.name: recall.recall for recall in recalls} == pytest.approx(expected)
    values = [recall.recall for recall in recalls]
    assert values == sorted(values)


def test_confused_pairs_are_counted(evidence: Evidence) -> None:
    counted: Counter[tuple[str, str]] = Counter()
    for row in mistakes(evidence):
        counted["abcdefgh"[evidence.labels[row]], "abcdefgh"[evidence.labels[evidence.neighbors[row, 0]]]] += 1
    found = confusions(evidence, 5)
    assert [pair.count for pair in found] == [count for _, count in counted.most_common(5)]
    for pair in found:
        assert counted[pair.name, pair.other] == pair.count
        query, nearest = pair.rows
        assert "abcdefgh"[evidence.labels[query]] == pair.name
        assert evidence.neighbors[query, 0] == nearest


def test_galleries_show_what_they_say(evidence: Evidence) -> None:
    found = retrieval(evidence, "run")
    worst, hardest, drawn = found.galleries
    assert min(len(gallery.queries) for gallery in found.galleries) > 0
    assert len({query.name for query in worst.queries}) == len(worst.queries)
    assert not {query.row for query in worst.queries} & {query.row for query in hardest.queries}
    order = [recall.name for recall in found.classes]
    places = [order.index(query.name) for query in hardest.queries]
    assert places == sorted(places)
    assert all(query.name != "h" for query in drawn.queries), "nothing right can be found for a class of one"
    for query in (*worst.queries, *hardest.queries, *drawn.queries):
        assert len(query.neighbors) == SHOWN
        assert [n.row for n in query.neighbors] == evidence.neighbors[query.row, :SHOWN].tolist()
        assert all(n.right == (n.name == query.name) for n in query.neighbors)
    shown = {row for pair in found.confusions for row in pair.rows}
    for gallery in found.galleries:
        shown |= {row for query in gallery.queries for row in (query.row, *(n.row for n in query.neighbors))}
    assert set(found.rows) == shown
    assert len(found.rows) == len(shown)


def test_images_have_the_names_of_their_files(evidence: Evidence) -> None:
    found = retrieval(evidence, "run").with_files({row: f"{row}.jpg" for row in range(30)})
    queries = [query for gallery in found.galleries for query in gallery.queries]
    images = [*queries, *(neighbor for query in queries for neighbor in query.neighbors)]
    assert all(image.file == (f"{image.row}.jpg" if image.row < 30 else "") for image in images)


def test_a_long_name_keeps_its_start_and_end() -> None:
    assert short_file("bird_1.jpg") == "bird_1.jpg"
    assert short_file("Black_Footed_Albatross_0046_796111.jpg") == "Black_Foo…796111.jpg"
    assert short_file("a\u202eb") == "a\\u202eb"


def test_without_a_mistake_only_chance_is_shown(evidence: Evidence) -> None:
    perfect = evolve(evidence, labels=np.zeros_like(evidence.labels), class_names=("a",))
    found = retrieval(perfect, "run")
    assert [gallery.title for gallery in found.galleries] == ["Random queries"]
    assert found.confusions == ()
