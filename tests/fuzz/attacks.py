"""What is attacked, one class for each: good files, prepared once, and the mutated files of a case."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Protocol

import numpy as np
import tomli
from PIL import Image

from fuzz.case import Case, Command
from fuzz.mutate import HOSTILE_TEXTS, hostile_value, mutated_bytes, mutated_value
from fuzz.toml import toml_text

STUDY = """\
schema = 1
question = "Which margin?"
seeds = [0]

[dataset]
use = "image_folder"
root = "photos"

[backbone]
use = "timm"
model = "test_resnet"
weights = "random"

[embedding]
dim = 8

[transforms]
size = 32

[loss]
use = "contrastive"
margin = 0.5

[sampler]
use = "m_per_class"
samples_per_class = 2

[training]
epochs = 1
batch_size = 6

[[evaluators]]
use = "retrieval"
recall_at = [1, 2]

[[evaluators]]
use = "clustering"

[grid]
"loss.margin" = [0.4, 0.5]
"""


class Attack(Protocol):
    """One kind of input."""

    name: str
    share: int
    """Of 100 cases."""
    good: Sequence[Command]
    """Commands that work on the good files, to load the modules that cases need once."""

    def prepare(self, base: Path) -> None:
        """Write the good files, once."""

    def case(self, base: Path, folder: Path, random: Random) -> Case:
        """Write the files of one case into the empty folder."""


def photos(folder: Path, classes: int = 6, each: int = 4) -> None:
    """Small photographs, a folder a class."""
    draw = np.random.default_rng(0)
    for label in range(classes):
        home = folder / f"class {label + 1}"
        home.mkdir(parents=True)
        for number in range(each):
            noise = draw.integers(0, 256, (16, 20, 3), dtype=np.uint8)
            Image.fromarray(noise).save(home / f"{number}.png")


class Studies:
    """Studies, as bytes and as values, and `--set`."""

    name, share = "studies", 40
    good = (("check", "study.toml"),)

    def prepare(self, base: Path) -> None:
        photos(base / "photos")
        (base / "study.toml").write_text(STUDY)
        self.texts = [STUDY, STUDY.replace("[grid]\n", "[probe]\nsteps = 2\n\n[grid]\n")]
        used = [line.split('"')[1] for line in STUDY.splitlines() if line.startswith("use")]
        others = [
            "triplet",
            "proxy_anchor",
            "arcface",
            "glyphs",
            "cub200",
            "random",
            "balanced",
            "resnet50",
            "margin",
            "clip",
        ]
        self.names = (*used, *others)

    def case(self, base: Path, folder: Path, random: Random) -> Case:
        (folder / "photos").symlink_to(base / "photos")
        text, file = random.choice(self.texts), folder / "study.toml"
        command = ["check", "study.toml"]
        match random.randrange(3):
            case 0:
                file.write_bytes(mutated_bytes(text.encode(), random))
            case 1:
                values = mutated_value(tomli.loads(text), random, self.names)
                written = toml_text(values) if isinstance(values, dict) else str(values)
                file.write_bytes(written.encode("utf-8", "surrogatepass"))
            case _:
                file.write_text(text)
                path = random.choice(
                    ("training.epochs", "loss", "loss.margin", "dataset.root", "grid", "a.b", "", "seeds")
                )
                value = random.choice((*HOSTILE_TEXTS, "9" * 5000, "[" * 500, "[1", "{a=1", str(hostile_value(random))))
                command += ["--set", f"{path}={value}".replace("\x00", "")]
        if random.random() < 0.2:
            command[0] = random.choice(("report", "results"))
        return Case([command])


class RunFolders:
    """A finished study of two runs, of which one file is damaged: no other number may ever be shown."""

    name, share = "run folders", 25
    good = (("results", "study.toml"), ("results", "study.toml", "--json"), ("report", "study.toml"))

    def prepare(self, base: Path) -> None:
        photos(base / "photos")
        (base / "study.toml").write_text(STUDY)
        run = [sys.executable, "-m", "dmlcore", "run", "study.toml", "-q"]
        subprocess.run(run, cwd=base, check=True)
        shown = [sys.executable, "-m", "dmlcore", "results", "study.toml", "--json"]
        self.rows = json.loads(subprocess.run(shown, cwd=base, check=True, capture_output=True).stdout)
        self.files = sorted(
            file.relative_to(base) for file in (base / "runs").rglob("*") if file.is_file() and file.suffix != ".lock"
        )

    def case(self, base: Path, folder: Path, random: Random) -> Case:
        shutil.copytree(base / "runs", folder / "runs", copy_function=os.link)
        (folder / "photos").symlink_to(base / "photos")
        shutil.copy(base / "study.toml", folder)
        file = random.choice([file for file in self.files if random.random() < 0.3 or file.suffix != ".html"])
        self._damage(folder / file, random)
        commands = [["results", "study.toml", "--json"], [random.choice(("report", "check", "results")), "study.toml"]]
        return Case(commands, self._verdict)

    def _damage(self, file: Path, random: Random) -> None:
        data = file.read_bytes()
        file.unlink()
        match random.randrange(20):
            case 0:
                file.mkdir()
            case 1:
                file.symlink_to(file.name)
            case 2:
                pass
            case 3 | 4 | 5 | 6 if file.suffix == ".json":
                file.write_text(json.dumps(mutated_value(json.loads(data), random)))
            case _:
                file.write_bytes(mutated_bytes(data, random))

    def _verdict(self, outputs: list[str]) -> str:
        """A number that is shown is one of the undamaged study."""
        text = outputs[0]
        if "[" not in text:
            return ""
        try:
            rows, _ = json.JSONDecoder().raw_decode(text[text.index("[\n") if "[\n" in text else text.index("[") :])
        except ValueError:
            return "results --json prints something that is not JSON"
        good = {str(row["run"]): row for row in self.rows}
        for row in rows:
            known = good.get(row["run"], {})
            wrong = [key for key, value in row.items() if isinstance(value, float) and known.get(key) != value]
            if wrong:
                return f"results shows another {wrong[0]}: {row[wrong[0]]!r} for {known.get(wrong[0])!r}"
        return ""


class Listings:
    """CSV files of images and labels."""

    name, share = "listings", 13
    good = ()

    def prepare(self, base: Path) -> None:
        photos(base / "photos")
        rows = [
            (f"photos/class {label}/{number}.png", f"class {label}", "train" if label < 4 else "test")
            for label in range(1, 7)
            for number in range(4)
        ]
        self.texts = []
        for delimiter in ",;\t":
            text = io.StringIO()
            csv.writer(text, delimiter=delimiter).writerows([("path", "label", "split"), *rows])
            self.texts += [text.getvalue().encode(), b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")]
        self.texts.append(self.texts[0].decode().encode("utf-16"))

    def case(self, base: Path, folder: Path, random: Random) -> Case:
        (folder / "photos").symlink_to(base / "photos")
        (folder / "list.csv").write_bytes(mutated_bytes(random.choice(self.texts), random))
        study = STUDY.replace('root = "photos"', 'csv = "list.csv"')
        (folder / "study.toml").write_text(study)
        check = ["data", "check", "image_folder", "--set", "csv=list.csv"]
        return Case([random.choice((["check", "study.toml"], check))])


class Images:
    """Images of several formats and depths, in a folder with good ones; also names of files and folders."""

    name, share = "images", 15
    good = (("data", "check", "image_folder", "--root", "photos"),)

    def prepare(self, base: Path) -> None:
        photos(base / "photos", classes=4)
        noise = np.random.default_rng(1).integers(0, 256, (24, 20, 3), dtype=np.uint8)
        picture = Image.fromarray(noise)
        deep = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
        real = Image.fromarray(noise[..., 0].astype(np.float32) / 255)
        forms = [(picture, "jpeg"), (picture, "png"), (picture, "webp"), (picture, "gif"), (picture, "bmp")]
        forms += [(picture, "tiff"), (deep, "png"), (deep, "tiff"), (real, "tiff"), (picture.convert("CMYK"), "jpeg")]
        self.files = []
        for image, form in forms:
            buffer = io.BytesIO()
            image.save(buffer, form)
            self.files.append((form, buffer.getvalue()))

    def case(self, base: Path, folder: Path, random: Random) -> Case:
        shutil.copytree(base / "photos", folder / "photos", copy_function=os.link)
        for number in range(random.choice((1, 1, 3))):
            form, data = random.choice(self.files)
            home = folder / "photos" / f"class {random.randrange(4) + 1}"
            if random.random() < 0.15:
                home = folder / "photos" / _file_name(random)
            try:
                home.mkdir(exist_ok=True)
                name = _file_name(random) if random.random() < 0.15 else f"x{number}"
                (home / f"{name}.{form}").write_bytes(mutated_bytes(data, random))
            except OSError:
                continue  # a name that the file system refuses
        (folder / "study.toml").write_text(STUDY)
        checks = (["check", "study.toml"], ["data", "check", "image_folder", "--root", "photos"])
        return Case([random.choice(checks)])


def _file_name(random: Random) -> Any:
    text = random.choice([text for text in HOSTILE_TEXTS if len(text) < 200])
    name = (
        os.fsdecode(text.encode("utf-8", "surrogatepass"))
        if random.random() < 0.8
        else os.fsdecode(b"\xff\xfe" + bytes([random.randrange(1, 47)]))
    )
    return name.replace("/", "∕").replace("\x00", "") or "_"


class Archives:
    """Archives that somebody imports as a data set."""

    name, share = "archives", 7
    good = (("data", "import", "cub200", "images", "--root", "data"),)

    def prepare(self, base: Path) -> None:
        photos(base / "images", classes=4)
        tar, zipped = io.BytesIO(), io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w:gz") as archive:
            archive.add(base / "images", "CUB_200_2011/images")
        with zipfile.ZipFile(zipped, "w") as archive:
            for file in sorted((base / "images").rglob("*.png")):
                archive.write(file, f"CUB_200_2011/{file.relative_to(base)}")
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as archive:
            archive.add(base / "images", "CUB_200_2011/images")
        self.files = [("CUB_200_2011.tgz", tar.getvalue()), ("a.zip", zipped.getvalue()), ("a.tar", plain.getvalue())]

    def case(self, base: Path, folder: Path, random: Random) -> Case:
        name, data = random.choice(self.files)
        (folder / name).write_bytes(mutated_bytes(data, random))
        data_set = random.choice(("cub200", "cars196", "sop"))
        return Case([["data", "import", data_set, name, "--root", "data"]], partial(_stays_inside, folder))


def _stays_inside(folder: Path, _outputs: Sequence[str]) -> str:
    """The verdict on an import: no file was written next to the case's folder."""
    outside = sorted(path.name for path in folder.parent.iterdir() if path != folder)
    return f"wrote outside its folder: {outside}" if outside else ""


ATTACKS: tuple[Attack, ...] = (Studies(), RunFolders(), Listings(), Images(), Archives())
