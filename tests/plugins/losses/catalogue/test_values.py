"""A loss of the catalogue gives what the library's class gives, and a number where the library has none."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch
from attrs import evolve, fields_dict, frozen
from matplotlib.mathtext import MathTextParser
from pytorch_metric_learning import losses, miners
from torch import Tensor, nn

from dmlcore import DataError, DistanceConfig, LossContext, StudyError
from dmlcore_plugins.losses.catalogue.batch_losses import NCA, PNP, FastAP, RankedList, SmoothAP
from dmlcore_plugins.losses.catalogue.class_losses import ArcFace, ProxyNCA
from dmlcore_plugins.losses.catalogue.distances import Cosine, DotProduct, Lp
from dmlcore_plugins.losses.catalogue.library_loss import LibraryLoss, Memory
from dmlcore_plugins.losses.catalogue.library_module import LibraryModule
from dmlcore_plugins.losses.catalogue.losses import LOSSES
from dmlcore_plugins.losses.catalogue.miners import MultiSimilarity as MultiSimilarityMiner
from dmlcore_plugins.losses.catalogue.pair_losses import (
    Circle,
    Contrastive,
    Histogram,
    LiftedStructure,
    MultiSimilarity,
)
from dmlcore_plugins.losses.catalogue.reducers import ClassWeighted, PerAnchor
from dmlcore_plugins.losses.catalogue.triplet_losses import Angular, DynamicSoftMargin, TripletMargin, TupletMargin
from dmlcore_plugins.losses.miners import TripletMargin as TripletMarginMiner

CONTEXT = LossContext(embedding_dim=6, num_classes=4)
LABELS = torch.arange(4).repeat_interleave(3)


def config_of(cls: type[LibraryLoss], **options: Any) -> LibraryLoss:
    required = {"margin": 0.4, "Tn": 10.0} if cls is RankedList else {}
    return cls(**required, **options)


def built(config: LibraryLoss) -> LibraryModule:
    torch.manual_seed(1)
    module = config.build(CONTEXT)
    assert isinstance(module, LibraryModule)
    return module


def librarys(cls: Any, **options: Any) -> nn.Module:
    """The library's own class, its weights drawn alike."""
    name = cls.adapts.partition(".")[2]
    if cls.learns_classes:
        size = "descriptors_dim" if name == "P2SGradLoss" else "embedding_size"
        options |= {"num_classes": 4, size: 6}
    if cls is RankedList:
        options |= {"margin": 0.4, "Tn": 10.0}
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(losses, name)(**options)  # type: ignore[no-any-return]


def embeddings(seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return nn.functional.normalize(torch.randn(12, 6) + torch.randn(4, 6)[LABELS], dim=1).requires_grad_()


def with_gradient(module: nn.Module, given: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    given = given.detach().requires_grad_()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using a non-tuple sequence")  # by the library's histogram loss
        loss = module(given, LABELS, *others)
    loss.backward()
    assert given.grad is not None
    return loss.detach(), given.grad


AS_THE_LIBRARY = [cls for cls in LOSSES if cls is not SmoothAP]


@pytest.mark.parametrize("cls", AS_THE_LIBRARY, ids=lambda cls: cls.name)
def test_value_and_gradient_are_the_librarys(cls: Any) -> None:
    ours, theirs = with_gradient(built(config_of(cls)), embeddings()), with_gradient(librarys(cls), embeddings())
    assert ours[0] != 0
    torch.testing.assert_close(ours, theirs)


MINED = [cls for cls in AS_THE_LIBRARY if "miner" in fields_dict(cls)]


@pytest.mark.parametrize("cls", MINED, ids=lambda cls: cls.name)
def test_mined_value_is_the_librarys(cls: Any) -> None:
    config = config_of(cls, miner=MultiSimilarityMiner(epsilon=0.0))
    picks = miners.MultiSimilarityMiner(epsilon=0.0)(embeddings(), LABELS)
    assert 0 < len(picks[0]) < 24
    ours = with_gradient(built(config), embeddings())
    torch.testing.assert_close(ours, with_gradient(librarys(cls), embeddings(), picks))
    assert not torch.equal(ours[0], with_gradient(librarys(cls), embeddings())[0]), "the miner changes something"


@pytest.mark.parametrize("cls", [cls for cls in LOSSES if "miner" not in fields_dict(cls)], ids=lambda cls: cls.name)
def test_losses_without_a_miner_take_none_in_the_library(cls: Any) -> None:
    picks = miners.MultiSimilarityMiner()(embeddings(), LABELS)
    with pytest.raises(ValueError, match="indices_tuple is not supported"):
        librarys(cls)(embeddings(), LABELS, picks)


@pytest.mark.parametrize("cls", [cls for cls in LOSSES if "memory" in fields_dict(cls)], ids=lambda cls: cls.name)
def test_remembering_value_is_the_librarys(cls: Any) -> None:
    ours = built(config_of(cls, memory=Memory(size=30)))
    theirs = losses.CrossBatchMemory(librarys(cls), 6, memory_size=30)
    for seed in range(4):
        found = with_gradient(ours, embeddings(seed)), with_gradient(theirs, embeddings(seed))
        torch.testing.assert_close(*found)
    assert found[0][0] != with_gradient(librarys(cls), embeddings(3))[0], "the memory changes something"


def test_memories_are_for_what_the_library_supports_but_two() -> None:
    ours = {cls.adapts.partition(".")[2] for cls in LOSSES if "memory" in fields_dict(cls)}
    assert set(losses.CrossBatchMemory.supported_losses()) - ours == {"LiftedStructureLoss", "NCALoss"}
    assert ours < set(losses.CrossBatchMemory.supported_losses())


def test_why_two_have_no_memory() -> None:
    """The same embeddings once more in another order: a memory that works does not care where it keeps them."""
    for cls, right in ((LiftedStructure, False), (NCA, None), (Contrastive, True)):
        memories = [losses.CrossBatchMemory(librarys(cls), 6, memory_size=60) for _ in range(2)]
        orders = [torch.arange(12), torch.arange(12).flip(0)]
        for memory, order in zip(memories, orders, strict=True):
            memory(embeddings(1)[order], LABELS[order])
        first, second = (memory(embeddings(2), LABELS) for memory in memories)
        if right is not None:
            assert torch.isclose(first, second).item() is right
    alone = losses.CrossBatchMemory(librarys(NCA), 6, memory_size=60)(embeddings(), LABELS)
    assert alone < librarys(NCA)(embeddings(), LABELS) - 0.1, "each image is its own nearest positive"


@pytest.mark.parametrize("steps", [2, 3])
@pytest.mark.parametrize(
    "config", [Circle(memory=Memory(size=30)), DynamicSoftMargin()], ids=lambda config: config.name
)
def test_a_state_is_saved_whole(config: LibraryLoss, steps: int) -> None:
    whole, begun, resumed = built(config), built(config), built(config)
    for seed in range(steps):
        whole(embeddings(seed), LABELS)
        begun(embeddings(seed), LABELS)
    resumed.load_state_dict(begun.state_dict())
    for seed in range(steps, 5):
        assert torch.equal(whole(embeddings(seed), LABELS), resumed(embeddings(seed), LABELS))


ONE_SIDED = {
    "generalized_lifted_structure",
    "instance",
    "intra_pair_variance",
    "multi_similarity",
    "pml_contrastive",
    "ranked_list",
    "signal_to_noise_ratio_contrastive",
    "threshold_consistent_margin",
}
"""Losses that go on to pull or to push where the other kind of pair is missing; alone that teaches no metric."""


@pytest.mark.parametrize("cls", LOSSES, ids=lambda cls: cls.name)
def test_what_it_needs_of_a_batch(cls: Any) -> None:
    """Without the pairs that a loss needs it has no gradient, unless it is one-sided; without the rest it has one."""
    alone, one_class = torch.arange(4), torch.zeros(4, dtype=torch.int64)
    for labels, needed in ((alone, cls.needs_positives), (one_class, cls.needs_negatives)):
        given = embeddings()[:4].detach().requires_grad_()
        loss = built(config_of(cls))(given, labels)
        loss.backward()
        assert given.grad is not None
        assert (given.grad.norm() > 0.01) == (not needed or cls.name in ONE_SIDED)
        assert needed or loss.isfinite()
    assert cls.needs_positives == cls.needs_negatives == (not cls.learns_classes)


@pytest.mark.parametrize("config", [TupletMargin(), Histogram(), Histogram(delta=0.25)], ids=repr)
def test_equal_embeddings_have_a_loss(config: LibraryLoss) -> None:
    given = nn.functional.normalize(torch.ones(12, 6), dim=1).requires_grad_()
    loss = built(config)(given, LABELS)
    loss.backward()
    assert loss.isfinite()
    assert loss > 0
    assert given.grad is not None
    assert given.grad.isfinite().all()


def test_the_dynamic_margin_has_room_for_every_difference() -> None:
    """The farthest positives and the nearest negatives there can be, for several steps."""
    loss = built(DynamicSoftMargin())
    east = torch.tensor([[1.0, 0, 0, 0, 0, 0]])
    labels = torch.tensor([0, 0, 1, 1])
    for _ in range(3):
        given = torch.cat([east, -east, east, -east]).requires_grad_()
        found = loss(given, labels)
        found.backward()
        assert found.isfinite()
    assert loss.loss.hist_.sum().item() == pytest.approx(1.0)


def smooth_ap(vectors: Tensor, labels: Tensor, temperature: float) -> list[float]:
    """Brown et al. (2020), equation 7, by loops: one minus average precision, for each image."""
    cosines = vectors.detach().double() @ vectors.detach().double().T
    terms = []
    for query, similarities in enumerate(cosines.tolist()):
        total = 0.0
        own = [i for i in range(len(labels)) if labels[i] == labels[query]]
        for i in own:
            ahead = [1 / (1 + math.exp((similarities[i] - s) / temperature)) for s in similarities]
            ahead[i] = 0.0
            total += (1 + sum(ahead[j] for j in own)) / (1 + sum(ahead))
        terms.append(1 - total / len(own))
    return terms


def test_smooth_ap_is_the_papers_on_any_batch() -> None:
    labels = torch.tensor([0, 1, 3, 1, 0, 3, 3, 2, 1, 1, 3, 0])
    terms = smooth_ap(embeddings(), labels, 0.1)
    loss = built(SmoothAP(temperature=0.1))
    assert loss(embeddings().detach(), labels).item() == pytest.approx(sum(terms) / 12, rel=1e-5)
    weighed = built(SmoothAP(temperature=0.1, reducer=ClassWeighted(weights=(1.0, 2.0, 3.0, 4.0))))
    expected = sum((1.0 + int(label)) * term for label, term in zip(labels, terms, strict=True)) / 12
    assert weighed(embeddings().detach(), labels).item() == pytest.approx(expected, rel=1e-5)


def test_smooth_ap_is_the_librarys_on_as_many_classes_as_images_of_each() -> None:
    square = torch.arange(3).repeat_interleave(3)
    ours, theirs = built(SmoothAP()), librarys(SmoothAP)
    given = embeddings()[:9].detach()
    assert ours(given, square).item() == pytest.approx(theirs(given, square).item(), rel=1e-6)
    within = torch.tensor([1, 2, 0, 4, 3, 5, 8, 6, 7, 10, 11, 9])  # images of a class change places
    first, second = (theirs(embeddings().detach()[order], LABELS).item() for order in (torch.arange(12), within))
    assert first != pytest.approx(second, abs=0.01), "the library's is right now: take it"


SOFT = [Circle(gamma=4.0), MultiSimilarity(), Angular(), TupletMargin(scale=4.0)]


@pytest.mark.parametrize("config", SOFT, ids=repr)
def test_classes_are_weighed(config: LibraryLoss) -> None:
    """The library's terms of these are (n, 1), which it multiplies with every weight."""

    def of_class(label: int) -> float:
        weights = tuple(float(label == other) for other in range(4))
        return built(evolve(config, reducer=ClassWeighted(weights=weights)))(embeddings().detach(), LABELS).item()

    weighed = built(evolve(config, reducer=ClassWeighted(weights=(1.0, 2.0, 3.0, 4.0))))(embeddings(), LABELS)
    single = [of_class(label) for label in range(4)]
    assert weighed.item() == pytest.approx(single[0] + 2 * single[1] + 3 * single[2] + 4 * single[3], rel=1e-5)
    assert len({round(value, 5) for value in single}) == 4


@pytest.mark.parametrize("cls", [Angular, LiftedStructure, TupletMargin], ids=lambda cls: cls.name)
def test_anchors_are_averaged(cls: Any) -> None:
    """With as many positives an anchor, the mean over anchors of means is the mean over all."""
    found = built(cls(reducer=PerAnchor()))(embeddings(), LABELS)
    assert found.item() == pytest.approx(built(cls())(embeddings(), LABELS).item(), rel=1e-5)


def test_a_miner_takes_margin_and_distance_of_its_loss() -> None:
    config = TripletMargin(margin=0.3, distance=Lp(power=2.0), miner=TripletMarginMiner())
    miner = built(config).miner
    assert isinstance(miner, miners.TripletMarginMiner)
    assert (miner.margin, miner.distance.power, miner.type_of_triplets) == (0.3, 2, "semihard")
    remembering = TripletMargin(margin=0.3, distance=Cosine(), memory=Memory(size=20, miner=TripletMarginMiner()))
    miner = built(remembering).loss.miner
    assert (miner.margin, type(miner.distance).__name__) == (0.3, "CosineSimilarity")
    of_the_miner = Circle(miner=TripletMarginMiner(margin=0.2, distance="euclidean"))
    assert built(of_the_miner).miner.margin == 0.2  # type: ignore[union-attr]


@pytest.mark.parametrize("config", [ProxyNCA(), ArcFace()], ids=lambda config: config.name)
@pytest.mark.parametrize("label", [4, -1])
def test_wrong_labels_are_reported(config: LibraryLoss, label: int) -> None:
    labels = LABELS.clone()
    labels[5] = label
    with pytest.raises(DataError, match=rf"'{config.name}' .*0 … 3.*label {label}"):
        built(config)(embeddings(), labels)


def test_another_plugins_distance_is_tried_and_refused_by_the_library() -> None:
    @frozen
    class Bent(DistanceConfig):
        """A distance of another plugin."""

        name = "bent"

        def build(self, context: LossContext) -> nn.Module:
            return Lp(power=3.0).build(context)

    assert built(MultiSimilarity(distance=Bent()))(embeddings(), LABELS) > 0
    for config, needed in (
        (Circle(distance=Bent()), "CircleLoss requires the distance metric to be CosineSimilarity"),
        (Angular(distance=Bent()), "AngularLoss requires distance.power to be 1"),
    ):
        with pytest.raises(StudyError, match=f"{config.name!r} .*{needed}"):
            built(config)


VARIANTS = [config_of(cls) for cls in LOSSES] + [
    Contrastive(distance=Cosine(), pos_margin=1.0, neg_margin=0.5),
    LiftedStructure(distance=DotProduct(), pos_margin=1.0, neg_margin=0.5),
    MultiSimilarity(distance=Lp()),
    TripletMargin(distance=Cosine()),
    TripletMargin(smooth_loss=True),
    NCA(distance=Cosine()),
]


@pytest.mark.parametrize("config", VARIANTS, ids=repr)
def test_mathtext_draws_the_formula(config: LibraryLoss) -> None:
    if config.name in ("pnp", "ranked_list", "instance", "large_margin_softmax", "sphereface"):
        assert config.formula == ""
    else:
        assert MathTextParser("path").parse(f"${config.formula}$").width > 80


def test_axes_of_margins() -> None:
    assert (TripletMargin().margin_axis, TripletMargin().margin_kind) == ("euclidean", "difference")
    assert TripletMargin(distance=Lp(power=2.0)).margin_axis == "squared_euclidean"
    assert TripletMargin(distance=DotProduct()).margin_axis == "cosine"
    assert TripletMargin(distance=DotProduct(normalize_embeddings=False)).margin_axis is None
    assert (ArcFace().margin_axis, TupletMargin().margin_axis, Circle().margin_axis) == ("degrees", "degrees", None)
    assert PNP().margin_kind is FastAP().margin_kind is None
