"""The networks of timm by name, and what is known about each: an index that is read without timm and without torch.

The first use with a version of timm builds the index in another process, which takes a few seconds, and stores it in
the user's cache folder.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attrs import field, frozen

from dmlcore import DataError, StudyError, report_progress

FORMAT = 1
"""Raised if the fields of `Network` change, so that older index files are not read."""

SHOWN = 5
"""The most names in a message."""

BUILD_S = 120
"""Seconds after which building the index counts as failed."""

SIZES = {"ti": "tiny", "t": "tiny", "s": "small", "b": "base", "l": "large", "h": "huge", "g": "giant"}
"""Sizes of vision transformers, as their authors and as timm write them."""


@frozen
class Network:
    """What timm states about one name."""

    architecture: str
    tag: str
    height: int
    width: int
    fixed_size: bool
    license: str
    hub_id: str
    """Repository of the weights on the hub, optionally with "@revision"; empty if they are not there."""
    hub_file: str
    """Name of the file in it, if it has an unusual one."""
    url: str
    """Where the weights are outside the hub."""

    @property
    def has_weights(self) -> bool:
        return bool(self.hub_id or self.url)

    @property
    def full_name(self) -> str:
        """The name with the tag of its weights."""
        return ".".join(filter(None, (self.architecture, self.tag)))

    def size_and_license(self) -> tuple[str, str]:
        """The side of the images and the license of the weights, for a person to read."""
        side = f"{self.width} px" if self.width == self.height else f"{self.width}×{self.height} px"
        license_name = f"license {self.license or 'not stated'}" if self.has_weights else "no weights"
        return f"{side}{', fixed' if self.fixed_size else ''}", license_name


@frozen(eq=False)
class Index:
    """All names that `timm.create_model` takes, with and without the tag of their weights."""

    networks: Mapping[str, Network]
    former: Mapping[str, str] = field(factory=dict)
    """Names of older versions of timm → names of this one."""

    def find(self, model: str, option: str = "backbone.model") -> Network:
        """The network of that name. Raises StudyError, with the nearest names, if there is none."""
        if model not in self.networks:
            raise StudyError(f'{option}: timm {version("timm")} has no model "{model}". {self.nearest(model)}')
        return self.networks[model]

    def matching(self, pattern: str) -> list[str]:
        """The names, with the tags of their weights, that match a pattern with * and ?, or contain a text without them.

        Raises StudyError where nothing matches.
        """
        anywhere = pattern if set("*?[") & set(pattern) else f"*{pattern}*"
        found = sorted(name for name in self._most_specific() if fnmatchcase(name, anywhere))
        if not found:
            near = self.nearest(pattern.strip("*?"))
            raise StudyError(f'timm {version("timm")} has no network like "{pattern}". {near}')
        return found

    def sisters(self, model: str) -> list[str]:
        """The names of the same architecture that have weights."""
        prefix = f"{model.partition('.')[0]}."
        return sorted(
            name for name, network in self.networks.items() if name.startswith(prefix) and network.has_weights
        )

    def nearest(self, name: str) -> str:
        """A sentence with the names nearest to an unknown one."""
        near = self.alternatives(name)
        return f"Nearest: {', '.join(near)}." if near else "`dmlcore backbones` lists them all."

    def alternatives(self, name: str) -> list[str]:
        """The nearest names, of which the first fits best.

        In this order: the present name of one that timm has renamed; other tags of the same architecture; networks
        with weights that their authors publish under that name; the same letters in another case or with other signs;
        names that contain all of its words; else similar spellings.
        """
        if name in self.former:
            return [self.former[name]]
        tags = [each for each in self.networks if each.startswith(f"{name.partition('.')[0]}.")]
        if tags:
            return get_close_matches(name, sorted(tags), n=SHOWN) or sorted(tags)[:SHOWN]
        near = [*self._published_as(name), *self._written_otherwise(name), *self._containing(name)]
        return list(dict.fromkeys(near or self._similar(name)))[:SHOWN]

    def _with_tag(self, name: str) -> str:
        """The name with the tag of its default weights, if it has any."""
        full = self.networks[name].full_name
        return full if full in self.networks else name

    def _most_specific(self) -> Iterable[str]:
        """Names with a tag, and those of architectures without any."""
        tagged = {name.partition(".")[0] for name in self.networks if "." in name}
        return (name for name in self.networks if "." in name or name not in tagged)

    def _published_as(self, name: str) -> list[str]:
        """Names of networks with weights at an address that has the name as one of its parts."""
        wanted = name.lower()
        return sorted(
            each
            for each, network in self.networks.items()
            if "." in each and wanted in re.split(r"[/.]", network.url.lower())
        )

    def _written_otherwise(self, name: str) -> list[str]:
        letters = re.sub(r"[^a-z0-9]", "", name.lower())
        return [self._with_tag(each) for each in self.networks if each.replace("_", "") == letters]

    def _containing(self, name: str) -> list[str]:
        """Names with words that begin like those of the name: one of each architecture, transformers first."""
        wanted = _words(name)
        having = [each for each in self.networks if wanted and wanted <= _begun(wanted, _words(each))]
        found = sorted(
            [each for each in having if "." not in each] or having,
            key=lambda each: (
                len(wanted - _words(each)),
                not each.startswith("vit_"),
                len(_words(each)),
                len(each),
                each,
            ),
        )
        return [self._with_tag(each) for each in found]

    def _similar(self, name: str) -> list[str]:
        known = sorted(self.networks)
        return get_close_matches(name, known, n=SHOWN) or get_close_matches(name.lower(), known, n=SHOWN)


def _words(name: str) -> set[str]:
    """The words of a name without its owner, and with the sizes of transformers as timm writes them.

    >>> sorted(_words("timm/ViT-B/16"))
    ['base', 'patch16', 'vit']
    """
    text = re.sub(r"vit[-_]?(ti|t|s|b|l|h|g)[-_/]?(\d+)", lambda m: f"vit_{SIZES[m[1]]}_patch{m[2]}", name.lower())
    return {word for word in re.split(r"[^a-z0-9]+", text.rpartition("/")[2]) if word}


def _begun(words: set[str], longer: set[str]) -> set[str]:
    """Those of the words that one of the longer words begins with."""
    return {word for word in words if any(each.startswith(word) for each in longer)}


@cache
def index() -> Index:
    """The index of the installed timm. Raises DataError if it can't be built."""
    if "timm" in sys.modules:
        return _index(_described())
    path = _cached_at()
    with suppress(OSError, ValueError, TypeError, KeyError):
        return _index(json.loads(path.read_text(encoding="utf-8")))
    text = _built_in_another_process()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}.{os.getpid()}")
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)
    return _index(json.loads(text))


def _cached_at() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "dmlcore" / f"timm-{version('timm')}-{FORMAT}.json"


def _built_in_another_process() -> str:
    report_progress(0)
    command = [sys.executable, "-c", f"from {__name__} import write; write()"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", timeout=BUILD_S, env=environment, check=True
        )
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"timm can't list its networks ({reason}).") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"timm can't list its networks ({error}).") from None
    return done.stdout


def write() -> None:
    """Write the index to the standard output."""
    import timm  # noqa: F401  loaded here, so that `_described` finds it

    json.dump(_described(), sys.stdout)


def _described() -> dict[str, Any]:
    """The index as JSON values, from timm itself."""
    import timm
    from timm.models import get_deprecated_models

    names = sorted({*timm.list_models(), *timm.list_models(include_tags=True)})
    return {
        "networks": {name: _facts(name, timm.get_pretrained_cfg(name)) for name in names},
        "former": {name: new for name, new in get_deprecated_models().items() if new},
    }


def _facts(name: str, settings: Any) -> list[Any]:
    """The values of a Network, in order."""
    architecture, _, tag = name.partition(".")
    if settings is None:
        return [architecture, tag, 0, 0, False, "", "", "", ""]
    height, width = settings.input_size[1:]
    url = settings.url or settings.file or ""
    return [
        settings.architecture or architecture,
        settings.tag or tag,
        height,
        width,
        bool(settings.fixed_input_size),
        settings.license or "",
        settings.hf_hub_id or "",
        settings.hf_hub_filename or "",
        url if isinstance(url, str) else url[0],
    ]


def _index(values: Mapping[str, Any]) -> Index:
    return Index({name: Network(*facts) for name, facts in values["networks"].items()}, values["former"])
