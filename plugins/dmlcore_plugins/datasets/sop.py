"""`sop`: Stanford Online Products."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from dmlcore import Archive, DatasetConfig, ImageFiles, Source, Split, Way, hookimpl, option
from dmlcore_plugins.datasets.layout import Layout, Part
from dmlcore_plugins.datasets.published import ROOT_HELP, Half, PublishedSet
from dmlcore_plugins.datasets.sop_reader import read

ARCHIVE = Archive(
    "Stanford_Online_Products.zip",
    mirrors=["http://ftp.cs.stanford.edu/cs/cvgl/Stanford_Online_Products.zip"],
    checksum="md5:7f73d41a2f44250d4779881525aea32e",
    size=3_083_860_082,
    unpacked=4_000_000_000,
)

SOP = PublishedSet(
    name="sop",
    title="Stanford Online Products",
    folders=("*online*products*", "sop*"),
    layouts=[Layout([Part("Ebay_train.txt", ARCHIVE), Part("Ebay_test.txt", ARCHIVE)], read)],
    ways=[Way("Get it from Stanford", [ARCHIVE])],
    train=Half(classes=11318, images=59551),
    test=Half(classes=11316, images=60502),
)


@frozen
class StanfordOnlineProducts(DatasetConfig):
    """Stanford Online Products (Song et al., 2016): 120,053 photographs of 22,634 things for sale.

    The split is that of its own lists: 11,318 classes train (59,551 images), 11,316 others test (60,502).
    """

    name = "sop"

    root: Path | None = option(None, identity=False, help=ROOT_HELP)

    def load(self, split: Split) -> ImageFiles:
        """Raises DataError where files are missing or of another edition; it says how to get the right ones."""
        return SOP.load(self.root, split)

    def source(self) -> Source:
        """The archive of Stanford."""
        return SOP.source(self.root)


@hookimpl
def dmlcore_register_datasets() -> list[type[DatasetConfig]]:
    return [StanfordOnlineProducts]
