"""`cars196`: CARS-196, also called Stanford Cars."""

from __future__ import annotations

from attrs import frozen

from dmlcore import Archive, DatasetConfig, Way, hookimpl
from dmlcore_plugins.datasets.cars196_readers import read_by_class, read_devkit, read_numbered
from dmlcore_plugins.datasets.layout import Layout, Part
from dmlcore_plugins.datasets.published import Half, PublishedConfig

BY_CLASS = Archive(
    "stanford-car-dataset-by-classes-folder.zip",
    mirrors=["https://www.kaggle.com/api/v1/datasets/download/jutrera/stanford-car-dataset-by-classes-folder"],
    unpacked=3_000_000_000,
)
FROM_STANFORD = Archive(
    "CARS196.zip", mirrors=["http://ftp.cs.stanford.edu/cs/cvgl/CARS196.zip"], unpacked=3_000_000_000
)
IMAGES = Archive("car_ims.tgz", checksum="md5:d5c8f0aa497503f355e17dc7886c3f14", unpacked=3_000_000_000)
LIST = Archive("cars_annos.mat", checksum="md5:b407c6086d669747186bd1d764ff9dbc")
TRAIN_IMAGES = Archive(
    "cars_train.tgz",
    checksum="md5:065e5b463ae28d29e77c1b4b166cfe61",
    size=979_269_282,
    unpacked=1_500_000_000,
)
TEST_IMAGES = Archive(
    "cars_test.tgz",
    checksum="md5:4ce7ebf6a94d07f1952d94dd34c4d501",
    size=977_350_468,
    unpacked=1_500_000_000,
)
DEVKIT = Archive("car_devkit.tgz", checksum="md5:c3b158d763b6e2245038c8ad08e45376", size=330_960)
TEST_LABELS = Archive("cars_test_annos_withlabels.mat", checksum="md5:b0a2b23655a3edd16d84508592a98d10", size=185_758)

LISTS = (".", "devkit", "car_devkit/devkit")
CLASS_FOLDER = "* [12][0-9][0-9][0-9]"
"""Every class ends in the year of the model."""


@frozen
class Cars196(PublishedConfig):
    """CARS-196 (Krause et al., 2013): 16,185 photographs of 196 models of cars.

    The split of deep metric learning: classes 1-98 train (8,054 images), 99-196 test (8,131), in the order of the
    official list of classes. The archives' own folders of training and test images are the split of closed-set
    classification: both are read and split again. All layouts give the same classes in the same order; only a tree
    by class without `names.csv` sorts the classes of each half by name.
    """

    name = "cars196"
    title = "CARS-196"
    folders = ("car*", "stanford*")
    layouts = (
        Layout(
            [Part("car_ims", IMAGES, holds="*.jpg"), Part("cars_annos.mat", LIST, places=LISTS)],
            read_numbered,
        ),
        Layout(
            [
                Part("cars_train", TRAIN_IMAGES, holds="*.jpg", places=(".", "cars_train")),
                Part("cars_test", TEST_IMAGES, holds="*.jpg", places=(".", "cars_test")),
                Part("cars_train_annos.mat", DEVKIT, places=LISTS),
                Part(
                    "cars_test_annos_withlabels.mat",
                    TEST_LABELS,
                    places=LISTS,
                    note="cars_test_annos.mat in the devkit has no labels",
                ),
                Part("cars_meta.mat", DEVKIT, places=LISTS),
            ],
            read_devkit,
        ),
        Layout(
            [
                Part("train", BY_CLASS, holds=CLASS_FOLDER),
                Part("test", BY_CLASS, holds=CLASS_FOLDER),
                Part("names.csv", BY_CLASS, places=(".", "..", "../.."), optional=True),
            ],
            read_by_class,
        ),
    )
    ways = (
        Way("Kaggle, a folder per class", [BY_CLASS]),
        Way("Stanford", [FROM_STANFORD]),
        Way("copies of the official archives, which are offline since 2023, in one folder", [IMAGES, LIST]),
        Way("copies of the official archives in two folders", [TRAIN_IMAGES, TEST_IMAGES, DEVKIT, TEST_LABELS]),
    )
    train = Half(classes=98, images=8054)
    test = Half(classes=98, images=8131)


@hookimpl
def dmlcore_register_datasets() -> list[type[DatasetConfig]]:
    return [Cars196]
