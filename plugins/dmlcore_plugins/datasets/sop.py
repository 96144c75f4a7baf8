"""`sop`: Stanford Online Products."""

from __future__ import annotations

from attrs import frozen

from dmlcore import Archive, DatasetConfig, Way, hookimpl
from dmlcore_plugins.datasets.layout import Layout, Part
from dmlcore_plugins.datasets.published import Half, PublishedConfig
from dmlcore_plugins.datasets.sop_reader import read

ARCHIVE = Archive(
    "Stanford_Online_Products.zip",
    mirrors=["http://ftp.cs.stanford.edu/cs/cvgl/Stanford_Online_Products.zip"],
    checksum="md5:7f73d41a2f44250d4779881525aea32e",
    size=3_083_860_082,
    unpacked=4_000_000_000,
)


@frozen
class StanfordOnlineProducts(PublishedConfig):
    """Stanford Online Products (Song et al., 2016): 120,053 photographs of 22,634 products.

    The published split: 11,318 classes train (59,551 images), the other 11,316 test (60,502).
    """

    name = "sop"
    title = "Stanford Online Products"
    folders = ("*online*products*", "sop*")
    layouts = (Layout([Part("Ebay_train.txt", ARCHIVE), Part("Ebay_test.txt", ARCHIVE)], read),)
    ways = (Way("Stanford", [ARCHIVE]),)
    train = Half(classes=11318, images=59551)
    test = Half(classes=11316, images=60502)


@hookimpl
def dmlcore_register_datasets() -> list[type[DatasetConfig]]:
    return [StanfordOnlineProducts]
