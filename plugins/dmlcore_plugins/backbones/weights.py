"""Weights in files: read without running code from them, and loaded into a network key by key.

A file may hold the network as a part of something larger: under keys such as "state_dict" or "teacher", and with
prefixes such as "module." or "backbone.". No list of such names is needed: any part of the file with all keys of the
network is the network.
"""

from __future__ import annotations

import inspect
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from safetensors.torch import load_file

from dmlcore import DataError, StudyError
from dmlcore_plugins.backbones.weight_files import is_safetensors

State = dict[str, torch.Tensor]

HEADS = frozenset(
    (
        *("fc", "head", "heads", "head_dist", "classifier", "last_linear", "logits", "dino_head", "ibot_head"),
        *("projector", "projection", "projection_head", "contrastive_head", "predictor", "prototypes", "criterion"),
        *("center", "queue", "queue_ptr", "mask_token"),
    )
)
"""First parts of keys that belong to what follows the features; they are not loaded."""

COUNTER = "num_batches_tracked"
"""BatchNorm's count of steps, which files of torch before 0.4.1 lack and which changes no number here."""

SHOWN = 3
"""The most keys of a kind in a message."""


@frozen(eq=False)
class Part:
    """A part of a file: the tensors under the keys that begin with `name`, without that prefix."""

    name: str
    """Keys and prefixes on the way to it, joined by dots; empty for the whole file."""
    state: State
    rest: tuple[str, ...] = ()
    """First parts of the other keys next to it."""

    def within(self, name: str) -> bool:
        """Whether it is the part of that name, or inside it."""
        return not name or f"{self.name}.".startswith(f"{name}.")


@frozen(eq=False)
class Match:
    """A part of a file that is the network."""

    part: Part
    state: State
    """One tensor for each key of the network."""
    unused: tuple[str, ...]
    """First parts of keys in the file that are not loaded."""

    def words(self) -> str:
        """Where the weights are in the file and what is not loaded, for the run's record; empty for a plain file."""
        place = f'under "{self.part.name}"' if self.part.name else ""
        return ", ".join(filter(None, (place, f"without {', '.join(self.unused)}" if self.unused else "")))


@frozen(eq=False)
class Misfit:
    """Why a part of a file is not the network."""

    part: Part
    common: int
    """Number of the network's keys that it has."""
    faults: tuple[str, ...]


def read_parts(path: Path) -> list[Part]:
    """The parts with tensors of a .safetensors file or one of torch.save, the whole first. Raises DataError."""
    try:
        if is_safetensors(path):
            content: Any = load_file(path)
        else:
            with torch.serialization.safe_globals([Namespace]):  # what training scripts store their arguments in
                content = torch.load(path, map_location="cpu", weights_only=True)
        found = list(_parts(content))
    except Exception as error:  # every reader raises different errors
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{path} is not a file of weights ({type(error).__name__}: {reason}). Expected a state dict of tensors "
            f"only, as .safetensors or from torch.save.",
            _cure(path),
        ) from None
    if not found:
        raise DataError(f"{path} is not a file of weights: it has no tensors with names.")
    return found


def _cure(path: Path) -> str:
    """What to do with a file that has more than tensors; empty for any other."""
    try:
        others = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # not a file of torch.save
        return ""
    if not others:
        return ""
    return (
        f"It also has objects that only their own code can read ({_few(sorted(others))}), and dmlcore runs no code from"
        " files. Where you trust it, keep only the tensors:\n"
        f"    content = torch.load({path.name!r}, weights_only=False); torch.save(content['state_dict'], 'weights.pth')"
    )


def _parts(content: Any, name: str = "") -> Iterator[Part]:
    """The tensors of a mapping by their dotted keys, and those of the mappings inside it, outer ones first."""
    if not isinstance(content, Mapping):
        if not name:
            raise TypeError(f"it holds a {type(content).__name__}")
        return
    state = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, torch.Tensor)}
    if state:
        yield Part(name, state)
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, Mapping):
            yield from _parts(value, _joined(name, key))


def _joined(*names: str) -> str:
    return ".".join(filter(None, names))


def load_weights(network: Any, path: Path, part: str | None = None, rename: Callable[[State], State] = dict) -> str:
    """Load all weights of a timm network without its classifier from a file, and return where they were in it.

    part: the part of the file to load, where several are the network; `rename` converts keys to timm's. Weights with
    the names of the original authors, or with position embeddings of another `img_size`, are converted by timm's
    converter for the architecture.
    Raises DataError, with the nearest part and what does not fit, if no part of the file is the network; StudyError if
    several are and `part` chooses none of them.
    """
    places = read_parts(path)
    inner = [place for whole in places for place in _inner_parts(whole, network)] or places
    wanted = [place for place in inner if place.within(part or "")]
    if not wanted:
        known = _few(f'"{place.name}"' for place in inner if place.name)
        raise StudyError(f'backbone.weights_part: {path} has no part "{part}"; it has {known or "no parts"}.')
    matches: list[Match] = []
    misfits: list[Misfit] = []
    for place in wanted:
        if any(place.within(match.part.name) for match in matches):
            continue
        found = _matched(network, place, rename)
        if isinstance(found, Match):
            matches.append(found)
        else:
            misfits.append(found)
    if not matches:
        raise DataError(_refusal(network, path, max(misfits, key=lambda misfit: misfit.common)))
    if any(not _equal(match.state, matches[0].state) for match in matches[1:]):
        names = [f'"{match.part.name}"' for match in matches]
        raise StudyError(
            f"{path} has {len(matches)} different sets of weights that fit {network.pretrained_cfg['architecture']}: "
            f"{', '.join(names)}. Choose one, such as backbone.weights_part = {names[-1]}."
        )
    network.load_state_dict(matches[0].state, strict=False)
    return matches[0].words()


def _inner_parts(whole: Part, network: Any) -> Iterator[Part]:
    """The part itself, and those parts of it, by prefix, that have at least half as many keys as the network."""
    counts = Counter(prefix for key in whole.state for prefix in _prefixes(key))
    least = len(network.state_dict()) / 2
    for prefix in sorted((prefix for prefix, count in counts.items() if count >= least), key=len):
        start = f"{prefix}." if prefix else ""
        state = {key.removeprefix(start): value for key, value in whole.state.items() if key.startswith(start)}
        others = (key for key in whole.state if not key.startswith(start))
        yield Part(_joined(whole.name, prefix), state, tuple(dict.fromkeys(_sibling(key, prefix) for key in others)))


def _sibling(key: str, prefix: str) -> str:
    """ "module.head" for the key "module.head.0.weight" next to the prefix "module.backbone"."""
    inside = (each for each in _prefixes(f"{key}.") if each and not f"{prefix}.".startswith(f"{each}."))
    return next(inside)


def _prefixes(key: str) -> Iterator[str]:
    """ "", "a" and "a.b" for the key "a.b.weight"."""
    words = key.split(".")
    return (".".join(words[:count]) for count in range(len(words)))


def _matched(network: Any, part: Part, rename: Callable[[State], State]) -> Match | Misfit:
    state = rename(part.state)
    found = _compared(network, part, state)
    if isinstance(found, Misfit):
        converted = _compared(network, part, _converted(network, state))
        return converted if isinstance(converted, Match) else found
    return found


def _compared(network: Any, part: Part, state: State) -> Match | Misfit:
    """The state as a match, if it has all keys of the network in their shapes, and else only those of heads."""
    own = network.state_dict()
    classifier = _classifier(network)
    unexpected = [key for key in state if key not in own and not key.startswith(classifier)]
    heads = {first for key in unexpected if _is_head(first := key.partition(".")[0])}
    shapes = [
        f"{key}: {tuple(state[key].shape)} in the file, {tuple(own[key].shape)} in the network"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    faults = (
        *_fault("missing", [key for key in own if key not in state and not key.endswith(COUNTER)], state),
        *_fault("unexpected", [key for key in unexpected if key.partition(".")[0] not in heads], own),
        *_fault("of another shape", shapes),
    )
    if faults:
        return Misfit(part, sum(key in state for key in own), faults)
    return Match(part, {key: state[key] for key in own if key in state}, (*sorted(heads), *part.rest))


def _is_head(first: str) -> bool:
    return first in HEADS or first.startswith("decoder")


def _classifier(network: Any) -> tuple[str, ...]:
    """Prefixes of the network's own classifier."""
    names = network.pretrained_cfg.get("classifier") or ()
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))


def _converted(network: Any, state: State) -> State:
    convert = getattr(inspect.getmodule(type(network)), "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        return {key: value for key, value in convert(dict(state), network).items() if isinstance(value, torch.Tensor)}
    except Exception:  # converters fail in many ways on files that they do not know
        return state


def _equal(one: State, other: State) -> bool:
    return all(torch.equal(value, other[key]) for key, value in one.items())


def _refusal(network: Any, path: Path, nearest: Misfit) -> str:
    place = f'{path}, under "{nearest.part.name}",' if nearest.part.name else str(path)
    return (
        f"{place} does not fit {network.pretrained_cfg['architecture']}: {'; '.join(nearest.faults)}. "
        "Use weights that were saved from this network."
    )


def _fault(what: str, keys: Collection[str], others: Collection[str] = ()) -> list[str]:
    """ "4 keys are missing (conv1.weight, layer4.*)": keys in one group where the other side has none of its keys."""
    if not keys:
        return []
    known = {prefix for key in others for prefix in _prefixes(key)}
    return [f"{len(keys)} {'key is' if len(keys) == 1 else 'keys are'} {what} ({_few(_groups(keys, known))})"]


def _groups(keys: Iterable[str], known: Collection[str]) -> list[str]:
    """The keys, with those of modules that the other side lacks as "module.*"."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        unknown = (prefix for prefix in _prefixes(key) if prefix and known and prefix not in known)
        groups.setdefault(next(unknown, key), []).append(key)
    return [found[0] if len(found) == 1 else f"{group}.*" for group, found in groups.items()]


def _few(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:SHOWN]) + (", …" if len(every) > SHOWN else "")
