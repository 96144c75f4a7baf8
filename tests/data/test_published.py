"""The published data sets, from archives in their true layouts to both splits; with fewer images, to be faster."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from attrs import evolve

from data.server import Fault, Site
from dmlcore import Archive, DataError, Source, Way
from dmlcore.data.fetching import fetch
from dmlcore.data.importing import import_files
from dmlcore_plugins.datasets import cub200
from dmlcore_plugins.datasets.cars196 import Cars196
from dmlcore_plugins.datasets.cub200 import Cub200
from dmlcore_plugins.datasets.published import Half
from dmlcore_plugins.datasets.sop import StanfordOnlineProducts
from plugins.datasets.archives import make_cars, make_cub, make_sop

CARS = "CARS-196 is in {}: train 588 images of 98 classes, test 590 images of 98 classes."
CUB = "CUB-200-2011 is in {}: train 300 images of 100 classes, test 310 images of 100 classes."


@pytest.fixture(autouse=True)
def _fewer_images(monkeypatch: pytest.MonkeyPatch) -> None:
    halves = {
        Cub200: (Half(100, 300), Half(100, 310)),
        Cars196: (Half(98, 588), Half(98, 590)),
        StanfordOnlineProducts: (Half(30, 90), Half(31, 95)),
    }
    for component, (train, test) in halves.items():
        monkeypatch.setattr(component, "train", train)
        monkeypatch.setattr(component, "test", test)
    monkeypatch.setattr(cub200, "IMAGES_OF_2010", 606)


def checked(source: Source, site: Site) -> Source:
    """The source with the checksums and sizes of the miniature archives that a site has, found at that site.

    Archives that it does not have keep no mirror: the true ones are never asked.
    """

    def found(archive: Archive) -> Archive:
        data = site.files.get(archive.file)
        if data is None:
            return evolve(archive, mirrors=())
        digest = f"md5:{hashlib.md5(data).hexdigest()}" if archive.checksum else None
        return evolve(archive, mirrors=[site.url(archive.file)], checksum=digest, size=None)

    return evolve(source, ways=[Way(way.title, [found(archive) for archive in way.archives]) for way in source.ways])


@pytest.fixture
def at_the_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The built-in data sets name the site in the place of their mirrors."""
    for component in (Cub200, Cars196, StanfordOnlineProducts):
        true = component.source
        monkeypatch.setattr(component, "source", lambda self, true=true: checked(true(self), site))
    return site


def tgz(path: Path, *names: str) -> bytes:
    """The named entries of a folder, hard links among them as such."""
    with tarfile.open(path.with_suffix(".packed"), "w:gz", compresslevel=1) as archive:
        for name in names:
            archive.add(path / name, name)
    return path.with_suffix(".packed").read_bytes()


def zipped(path: Path) -> bytes:
    with zipfile.ZipFile(path.with_suffix(".packed"), "w") as archive:
        for folder, _, names in os.walk(path):
            for name in names:
                archive.write(Path(folder, name), Path(folder, name).relative_to(path))
    return path.with_suffix(".packed").read_bytes()


def test_cub200_from_a_server_that_dies_midway(at_the_site: Site, tmp_path: Path, waits: list[float]) -> None:
    data = tgz(make_cub(tmp_path / "made", train=300, test=310), "CUB_200_2011")
    at_the_site.files["CUB_200_2011.tgz"] = data
    at_the_site.faults["CUB_200_2011.tgz"] = [Fault(send=len(data) // 2)]
    assert fetch(Cub200()) == CUB.format(tmp_path / "data/cub200")
    assert sorted(path.name for path in Path("data/cub200").iterdir()) == ["CUB_200_2011"]
    assert len(Cub200().load("test").labels) == 310


def test_cub200_of_2010_is_refused(at_the_site: Site, tmp_path: Path) -> None:
    old = make_cub(tmp_path / "made", train=300, test=306, lists=False)
    at_the_site.files["CUB_200_2011.tgz"] = tgz(old, "CUB_200_2011")
    for bring in (lambda: fetch(Cub200()), lambda: import_files(Cub200(), old)):
        with pytest.raises(DataError, match="CUB-200 of 2010, with 606 images"):
            bring()
        assert not Path("data/cub200").exists()


def test_cars196_by_class_from_kaggle_or_without_it_from_stanford(at_the_site: Site, tmp_path: Path) -> None:
    data = zipped(make_cars(tmp_path / "made", "by_class", train=588, test=590))
    at_the_site.files["stanford-car-dataset-by-classes-folder.zip"] = b"<html><title>Kaggle: sign in</title></html>"
    at_the_site.files["CARS196.zip"] = data
    assert fetch(Cars196()) == CARS.format(tmp_path / "data/cars196")
    assert [name for name, _ in at_the_site.asked] == ["stanford-car-dataset-by-classes-folder.zip", "CARS196.zip"]


def test_cars196_numbered_from_a_folder_of_archives(at_the_site: Site, tmp_path: Path) -> None:
    made = make_cars(tmp_path / "made", "numbered", train=588, test=590)
    (made / "car_ims.tgz").write_bytes(tgz(made, "car_ims"))
    alone = tmp_path / "alone"
    alone.mkdir()
    (made / "car_ims.tgz").rename(alone / "car_ims.tgz")
    with pytest.raises(DataError) as caught:
        import_files(Cars196(), alone / "car_ims.tgz")
    assert str(caught.value).startswith(
        f"{alone}/car_ims.tgz: CARS-196 in <unpacked> is incomplete. Found: car_ims. Missing:\n    cars_annos.mat"
    )
    (made / "cars_annos.mat").rename(alone / "cars_annos.mat")
    assert import_files(Cars196(), alone) == CARS.format(tmp_path / "data/cars196")


@pytest.mark.parametrize("link", [True, False])
def test_cars196_by_class_brings_the_names_that_lie_above(tmp_path: Path, link: bool) -> None:
    made = make_cars(tmp_path / "made", "by_class", train=588, test=590)
    names = Cars196(root=made).load("train").class_names
    said = import_files(Cars196(), made / "car_data/car_data", link)
    assert said.startswith(f"CARS-196 is in {tmp_path}/data/cars196")
    assert Cars196().load("train").class_names == names
    assert sorted(path.name for path in Path("data/cars196").iterdir()) == sorted(path.name for path in made.iterdir())


def test_sop_is_linked(tmp_path: Path) -> None:
    made = make_sop(tmp_path / "made", train=(90, 30), test=(95, 31))
    assert import_files(StanfordOnlineProducts(), made, link=True) == (
        f"Stanford Online Products is in {tmp_path}/data/sop, a link to {made}/Stanford_Online_Products:"
        " train 90 images of 30 classes, test 95 images of 31 classes."
    )
