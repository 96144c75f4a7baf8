"""Every whole message that a mistake gives, and that everything else still works. Other tests assert key words."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

import running
from dmlcore import StudyError
from dmlcore.host import discovery
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from plugins_made import TOYS
from toys import STUDY

WEDGE = '''
import torch
from attrs import frozen
from dmlcore import LossConfig, hookimpl, option


class Module(torch.nn.Module):
    def forward(self, embeddings, labels):
        return (embeddings ** 2).sum()


@frozen
class Wedge(LossConfig):
    """A loss from elsewhere."""

    name = "wedge"
    needs_positives = False
    angle: float = option(40.0, help="of the wedge")

    def build(self, context):
        return Module()


@hookimpl
def dmlcore_register_losses():
    return [Wedge]
'''


def component(kind: str, body: str, before: str = "") -> str:
    """A plugin with one component named "bad" of a kind, its methods given."""
    base, plural = f"{kind.capitalize()}Config", "losses" if kind == "loss" else f"{kind}s"
    methods = "\n".join(f"    {line}" if line else "" for line in body.strip().splitlines())
    return f'''import toy_networks, toys
import torch
from attrs import frozen
from dmlcore import {base}, hookimpl, option

{before.strip()}

@frozen
class Bad(toys.Tiny if "{kind}" == "backbone" else toys.Squares if "{kind}" == "dataset" else {base}):
    """It has a fault."""
    name = "bad"

{methods}

@hookimpl
def dmlcore_register_{plural}():
    return [Bad]
'''


def loss(forward: str) -> str:
    """A plugin with a loss "bad" whose module has this `forward`; its last line is 7."""
    module = f"class Module(torch.nn.Module):\n    def forward(self, embeddings, labels):\n        {forward}"
    return component("loss", "def build(self, context):\n    return Module()", module)


@pytest.fixture
def give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Gives a command in a folder of its own. Nothing that it prints is a traceback."""
    monkeypatch.chdir(tmp_path)

    def give(*arguments: str, code: int = 0) -> Result:
        result = running.invoke(*arguments, code=code)
        assert "Traceback (most" not in result.stdout
        return result

    return give


LISTED = {
    "missing import": (
        f"import no_such_package\n{WEDGE}",
        "ModuleNotFoundError: No module named 'no_such_package' (dmlcore_bad.py, line 1)",
    ),
    "syntax": ("def broken(:", "SyntaxError: invalid syntax (dmlcore_bad.py, line 1)"),
    "misspelt hook": (
        WEDGE.replace("register_losses", "register_los"),
        "there is no hook 'dmlcore_register_los'; did you mean 'dmlcore_register_losses'?",
    ),
    "arguments of a hook": (
        WEDGE.replace("losses()", "losses(context)"),
        "dmlcore_register_losses takes no arguments: write def dmlcore_register_losses()",
    ),
    "a hook without return": (
        WEDGE.replace("return [Wedge]", "[Wedge]"),
        "dmlcore_register_losses must return a list of subclasses of LossConfig, not None",
    ),
    "no list": (
        WEDGE.replace("return [Wedge]", "return Wedge"),
        "dmlcore_register_losses must return a list of subclasses of LossConfig, not <class 'dmlcore_bad.Wedge'>",
    ),
    "instances": (
        WEDGE.replace("return [Wedge]", "return [Wedge()]"),
        "dmlcore_register_losses must return subclasses of LossConfig, not Wedge(angle=40.0)",
    ),
    "a hook that raises": (
        WEDGE.replace("return [Wedge]", "return [Wegde]"),
        "NameError: name 'Wegde' is not defined (dmlcore_bad.py, line 26)",
    ),
    "wrong kind": (
        WEDGE.replace("register_losses", "register_miners"),
        "dmlcore_register_miners must return subclasses of MinerConfig, not <class 'dmlcore_bad.Wedge'>",
    ),
    "a name twice": (
        WEDGE.replace("return [Wedge]", "return [Wedge, Wedge]"),
        "a loss named 'wedge' is already offered as dmlcore_bad.Wedge: a distribution can offer a name only once per"
        " kind",
    ),
    "no docstring": (
        WEDGE.replace('"""A loss from elsewhere."""', ""),
        "dmlcore_bad.Wedge needs a docstring: `dmlcore list-plugins` shows its first line",
    ),
    "no name": (
        WEDGE.replace('name = "wedge"', ""),
        'dmlcore_bad.Wedge needs a class attribute `name = "lower_snake"`, not None',
    ),
    "a name for people": (
        WEDGE.replace('"wedge"', '"Wedge loss"'),
        "dmlcore_bad.Wedge needs a class attribute `name = \"lower_snake\"`, not 'Wedge loss'",
    ),
    "an option without help": (
        WEDGE.replace('option(40.0, help="of the wedge")', "option(40.0)"),
        "TypeError: option() missing 1 required keyword-only argument: 'help' (dmlcore_bad.py, line 18)",
    ),
    "an option that is none": (
        WEDGE.replace('option(40.0, help="of the wedge")', "40.0"),
        "dmlcore_bad.Wedge.angle must be defined by dmlcore.option(), with a help text",
    ),
    "a type that TOML has not": (
        WEDGE.replace("angle: float", "angle: complex"),
        "dmlcore_bad.Wedge.angle: <class 'complex'> is not a supported option type",
    ),
    "a type that is unknown": (
        WEDGE.replace("angle: float", 'angle: "torch.Angle"'),
        "dmlcore_bad.Wedge: the type of an option can't be resolved: module 'torch' has no attribute 'Angle'",
    ),
    "no attrs class": (
        WEDGE.replace("@frozen", ""),
        "dmlcore_bad.Wedge must be an attrs class: decorate it with @attrs.frozen",
    ),
    "wrong base": (
        WEDGE.replace("(LossConfig)", ""),
        "dmlcore_register_losses must return subclasses of LossConfig, not <class 'dmlcore_bad.Wedge'>",
    ),
    "nothing to build with": (
        WEDGE.replace("def build", "def make"),
        "dmlcore_bad.Wedge must define `build(self, context)`",
    ),
    "one library": (
        WEDGE.replace('name = "wedge"', 'name = "wedge"\n    libraries = "faiss-cpu"'),
        "dmlcore_bad.Wedge.libraries must be a tuple of distribution names, not 'faiss-cpu'",
    ),
    "a reserved name": (
        WEDGE.replace("angle:", "kind:"),
        "dmlcore_bad.Wedge.kind: this name is reserved by dmlcore; rename the option",
    ),
    "an option with empty help": (
        WEDGE.replace('help="of the wedge"', 'help=" "'),
        "ValueError: an option needs a help text (dmlcore_bad.py, line 18)",
    ),
    "exit": (f"import sys\nsys.exit('no licence')\n{WEDGE}", "SystemExit: no licence (dmlcore_bad.py, line 2)"),
    "an error of no kind": (
        f"class Stop(BaseException):\n    def __str__(self):\n        return 1 / 0\n\nraise Stop\n{WEDGE}",
        "Stop: its text can't be shown (ZeroDivisionError) (dmlcore_bad.py, line 5)",
    ),
    "nothing marked": (
        WEDGE.replace("@hookimpl", ""),
        "it offers nothing: mark at least one function by @hookimpl, of dmlcore_register_datasets,",
    ),
}


@pytest.mark.parametrize(("source", "reason"), LISTED.values(), ids=LISTED)
def test_a_plugin_that_cannot_be_used_is_listed(
    fake_plugin: Callable[..., None], give: Callable[..., Result], source: str, reason: str
) -> None:
    fake_plugin("dmlcore-bad", source)
    fake_plugin("dmlcore-wedge", WEDGE, version="2.0")
    lines = give("list-plugins").stdout.splitlines()
    place = lines.index("  failed: dmlcore-bad:dmlcore_bad")
    assert lines[place + 1].startswith(f"      {reason}")
    assert reason.endswith(",") or lines[place + 1] == f"      {reason}"
    assert any(line.split()[:3] == ["wedge", "dmlcore-wedge", "2.0"] for line in lines)
    assert any(line.split() == ["dmlcore-bad", "1.0", "installed", "failed"] for line in lines)
    assert "Traceback (most" in running.invoke("list-plugins", "--verbose").stdout


@pytest.mark.parametrize(
    ("entry_point", "reason"),
    [
        (
            "bad = dmlcore_bad:nothing",
            "AttributeError: module 'dmlcore_bad' has no attribute 'nothing' (entry point: bad = dmlcore_bad:nothing)",
        ),
        (
            "bad = dmlcore_bad.nowhere",
            "ModuleNotFoundError: No module named 'dmlcore_bad.nowhere'; 'dmlcore_bad' is not a package (entry"
            " point: bad = dmlcore_bad.nowhere)",
        ),
        (
            "bad = dmlcore_bad:Wedge.angle",
            "it offers nothing: mark at least one function by @hookimpl, of dmlcore_register_datasets,",
        ),
    ],
)
def test_an_entry_point_that_leads_nowhere(
    fake_plugin: Callable[..., None], give: Callable[..., Result], entry_point: str, reason: str
) -> None:
    fake_plugin("dmlcore-bad", WEDGE, [entry_point])
    lines = give("list-plugins").stdout.splitlines()
    assert lines[lines.index("  failed: dmlcore-bad:bad") + 1].startswith(f"      {reason}")


def test_a_name_in_two_plugins_of_a_distribution(fake_plugin: Callable[..., None], give: Callable[..., Result]) -> None:
    fake_plugin("dmlcore-bad", WEDGE, ["one = dmlcore_bad", "two = dmlcore_bad"])
    lines = give("list-plugins").stdout.splitlines()
    assert lines[lines.index("  failed: dmlcore-bad:two") + 1] == (
        "      a loss named 'wedge' is already offered by dmlcore-bad:one: a distribution can offer a name only once"
        " per kind"
    )
    assert any(line.split() == ["dmlcore-bad", "1.0", "installed", "1", "ok,", "1", "failed"] for line in lines)


def test_a_name_in_two_distributions(fake_plugin: Callable[..., None], give: Callable[..., Result]) -> None:
    fake_plugin("dmlcore-one", WEDGE)
    fake_plugin("dmlcore-two", WEDGE)
    fake_plugin("dmlcore-toys", TOYS)
    lines = give("list-plugins").stdout.splitlines()
    assert [line.split()[0] for line in lines if "A loss from elsewhere." in line] == [
        "dmlcore-one/wedge",
        "dmlcore-two/wedge",
    ]
    assert lines[lines.index("  ambiguous: dmlcore-one/wedge") + 1] == (
        "      several distributions have the loss wedge; use the full name in studies"
    )
    Path("toy.toml").write_text(STUDY)
    error = give("check", "toy.toml", "--set", 'loss={use="wedge"}', code=2).stderr
    assert error == (
        "Error: toy.toml has 1 problem.\n\n"
        "--set loss.use\n"
        "    expected  the name of a loss\n"
        '    got       "wedge" (a string)\n'
        "    loss 'wedge' is offered by 2 distributions. Write one of dmlcore-one/wedge, dmlcore-two/wedge.\n"
    )
    give("check", "toy.toml", "--set", 'loss={use="dmlcore-two/wedge"}')


@pytest.mark.parametrize(
    ("first", "remark"),
    [
        ("print('hello')\nprint('world')", "prints on import: hello"),
        ("import warnings\nwarnings.warn('old data')", "warns on import: old data"),
        ("import warnings\nwarnings.warn('slow soon', FutureWarning)", "warns on import: slow soon"),
        ("import sys\nsys.stderr.write('hello')", "prints on import: hello"),
        ("import sys\nprint('hello')\nsys.stdout.close()", "prints on import: hello"),
        ("import os\nos.chdir('/')", "changes the working directory on import: this is undone"),
        (
            "import logging, signal\nlogging.basicConfig(force=True)\nsignal.signal(signal.SIGINT, signal.SIG_IGN)",
            "changes the handlers of the root logger and the handler of Ctrl-C on import: this is undone",
        ),
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(0.5,)).start()",
            "starts a thread on import, and dmlcore can't end before it: use threading.Thread(daemon=True)",
        ),
    ],
)
def test_a_plugin_that_is_loud_works_and_is_told(
    fake_plugin: Callable[..., None], give: Callable[..., Result], first: str, remark: str
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs without it
    fake_plugin("dmlcore-wedge", f"{first}\n{WEDGE}")
    result = give("list-plugins")
    lines = result.stdout.splitlines()
    assert lines[-2:] == ["  ok, but: dmlcore-wedge:dmlcore_wedge", f"      {remark}"]
    assert result.stderr == ""
    (entry,) = [e for e in json.loads(give("list-plugins", "--json").stdout)["plugins"] if "wedge" in e["key"]]
    assert entry["status"] == "ok"
    assert [part["name"] for part in entry["components"]] == ["wedge"]


@pytest.mark.parametrize("code", ["time.sleep(60)", "while True: pass"])
def test_a_plugin_that_does_not_finish_loading_is_named(
    fake_plugin: Callable[..., None], give: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    fake_plugin("dmlcore-bad", f"import time\n{code}\n{WEDGE}")
    fake_plugin("dmlcore-wedge", WEDGE)
    monkeypatch.setattr(discovery, "plugin_seconds", lambda: 0.3)
    lines = give("list-plugins").stdout.splitlines()
    assert lines[lines.index("  failed: dmlcore-bad:dmlcore_bad") + 1] == (
        "      it did not finish loading in 0.3 s. Disable it (dmlcore --disable-plugin dmlcore-bad:dmlcore_bad, the"
        " variable DMLCORE_DISABLE_PLUGINS, or [plugins] of a study), or allow more time by the variable"
        " DMLCORE_PLUGIN_SECONDS (dmlcore_bad.py, line 2)"
    )
    assert any(line.split()[:2] == ["wedge", "dmlcore-wedge"] for line in lines)


BACKBONE, MINER = 'backbone={use="bad"}', 'loss={use="triplet", miner={use="bad"}}'
LOSS, SAMPLER = 'loss={use="bad"}', 'sampler={use="bad"}'
EVALUATOR, DATASET = 'evaluators=[{use="bad"}]', 'dataset={use="bad"}'


def author(kind: str = "loss") -> str:
    return f"Report this to the plugin's author, or use another {kind}."


RUN = {
    "build raises": (
        component("loss", "def build(self, context):\n    return 1 / 0"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 failed in build: ZeroDivisionError: division by zero (dmlcore_bad.py, line"
        f" 14). {author()}",
    ),
    "build changes its frozen self": (
        component("loss", "def build(self, context):\n    self.built = 1"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 failed in build: FrozenInstanceError: can't set attribute"
        f" (dmlcore_bad.py, line 14). {author()}",
    ),
    "build gives nothing": (
        component("loss", "def build(self, context):\n    torch.nn.Identity()"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 must build a torch.nn.Module, not None.",
    ),
    "forward raises": (
        loss("return embeddings + labels.missing"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 failed in forward: AttributeError: 'Tensor' object has no attribute"
        f" 'missing' (dmlcore_bad.py, line 8). {author()}",
    ),
    "forward of other arguments": (
        loss("return embeddings.sum()").replace("(self, embeddings, labels)", "(self, embeddings)"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 failed in forward: TypeError: Module.forward() takes 2 positional arguments"
        f" but 3 were given. {author()}",
    ),
    "a loss an image": (
        loss("return embeddings.sum(1)"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 returns a tensor of shape (9,); expected shape (): take the mean of its"
        " terms.",
    ),
    "a loss that is no tensor": (
        loss("return embeddings.sum().item() * 0"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 returns 0.0; expected a tensor of shape ().",
    ),
    "a loss without gradient": (
        loss("return embeddings.detach().sum()"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 returns a value without a gradient. Compute it from the embeddings without"
        " detaching them; for a batch without terms, return embeddings.sum() * 0.",
    ),
    "a loss that is not finite": (
        loss("return embeddings.sum() * float('nan')"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 became nan in step 1 of epoch 1. Lower the learning rate, clip gradients"
        " (training.clip_norm), or use precision fp32 or bf16.",
    ),
    "a loss on another device": (
        loss("return torch.zeros((), device='meta', requires_grad=True)"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 returns a value on device meta; expected device cpu, as the embeddings:"
        " create its tensors there.",
    ),
    "a gradient that raises": (
        component(
            "loss",
            "def build(self, context):\n    return Module()",
            "class Square(torch.autograd.Function):\n"
            "    @staticmethod\n    def forward(context, x):\n        return x.sum()\n\n"
            "    @staticmethod\n    def backward(context, gradient):\n        raise KeyError('saved')\n\n\n"
            "class Module(torch.nn.Module):\n    def forward(self, embeddings, labels):\n"
            "        return Square.apply(embeddings)",
        ),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 failed in backward: KeyError: 'saved' (dmlcore_bad.py, line 13)."
        f" {author()}",
    ),
    "an activity that raises": (
        loss("return embeddings.sum()\n    def activity(self, embeddings, labels):\n        return embeddings[99]"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 fails in `activity` (IndexError: index 99 is out of bounds for dimension 0"
        " with size 9). Fix or remove `activity`; training does not need it.",
    ),
    "an activity that exits": (
        loss("return embeddings.sum()\n    def activity(self, embeddings, labels):\n        raise SystemExit(2)"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 fails in `activity` (SystemExit: 2). Fix or remove `activity`; training does"
        " not need it.",
    ),
    "forward exits": (
        loss("raise SystemExit('no license')"),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 failed in forward: SystemExit: no license (dmlcore_bad.py, line 8)."
        f" {author()}",
    ),
    "a formula that raises": (
        loss("return 1 / 0").replace(
            "    def build", "    formula = property(lambda self: self.text)\n\n    def build"
        ),
        LOSS,
        "The loss 'bad' of dmlcore-bad 1.0 failed in formula, margin_axis or margin_kind: AttributeError: 'Bad' object"
        f" has no attribute 'text' (dmlcore_bad.py, line 15). {author()}",
    ),
    "a miner that raises": (
        component("miner", "def build(self, context):\n    return lambda embeddings, labels: labels[99]"),
        MINER,
        "The miner 'bad' of dmlcore-bad 1.0 failed in forward: IndexError: index 99 is out of bounds for dimension 0"
        f" with size 9 (dmlcore_bad.py, line 14). {author('miner')}",
    ),
    "a miner whose pairs are not there": (
        component("miner", "def build(self, context):\n    return lambda e, labels: (torch.tensor([99]),) * 3"),
        MINER,
        "The loss 'triplet' of dmlcore 0.1.0 failed in forward, with the miner 'bad' of dmlcore-bad 1.0: IndexError:"
        f" index 99 is out of bounds for dimension 0 with size 9 (…). {author()}",
    ),
    "a sampler that raises": (
        component("sampler", "def build(self, context):\n    yield context.label"),
        SAMPLER,
        "The sampler 'bad' of dmlcore-bad 1.0 failed in build: AttributeError: 'SamplerContext' object has no attribute"
        f" 'label' (dmlcore_bad.py, line 14). {author('sampler')}",
    ),
    "a sampler that exits": (
        component("sampler", "def build(self, context):\n    yield [0, 1, 6, 7]\n    raise SystemExit"),
        SAMPLER,
        "The sampler 'bad' of dmlcore-bad 1.0 failed in build: SystemExit (dmlcore_bad.py, line 15)."
        f" {author('sampler')}",
    ),
    "a sampler of what is not there": (
        component("sampler", "def build(self, context):\n    return [[0, 1, 6, 7], [0, 1, 99]]"),
        SAMPLER,
        "The sampler 'bad' of dmlcore-bad 1.0 returns a batch (number 2) that is empty or has an index outside 0 … 35.",
    ),
    "a sampler of empty batches": (
        component("sampler", "def build(self, context):\n    return [[]]"),
        SAMPLER,
        "The sampler 'bad' of dmlcore-bad 1.0 returns a batch (number 1) that is empty or has an index outside 0 … 35.",
    ),
    "a sampler of fractions": (
        component("sampler", "def build(self, context):\n    return [[0.5, 1, 7]]"),
        SAMPLER,
        "The sampler 'bad' of dmlcore-bad 1.0 failed in build: TypeError: 'float' object cannot be interpreted as an"
        f" integer. {author('sampler')}",
    ),
    "an evaluator that raises": (
        component("evaluator", "def evaluate(self, queries, gallery=None):\n    return {}['recall']"),
        EVALUATOR,
        f"The evaluator 'bad' of dmlcore-bad 1.0 failed in evaluate: KeyError: 'recall' (dmlcore_bad.py, line 14)."
        f" {author('evaluator')}",
    ),
    "an evaluator of words": (
        component("evaluator", "def evaluate(self, queries, gallery=None):\n    return {'recall': 'high'}"),
        EVALUATOR,
        "The evaluator 'bad' of dmlcore-bad 1.0 returns 'high' for 'recall'; expected a finite number.",
    ),
    "an evaluator of one number": (
        component("evaluator", "def evaluate(self, queries, gallery=None):\n    return 0.5"),
        EVALUATOR,
        "The evaluator 'bad' of dmlcore-bad 1.0 returns 0.5 in evaluate; expected a mapping of metric names to values.",
    ),
    "a backbone without feature_dim": (
        component("backbone", "def build(self, context):\n    return torch.nn.Identity()"),
        BACKBONE,
        "The module of the backbone 'bad' of dmlcore-bad 1.0 needs the attributes feature_dim (int) and input_spec"
        " (InputSpec).",
    ),
    "a backbone of other features": (
        component(
            "backbone",
            "def build(self, context):\n    net = toy_networks.TinyNet(False)\n    net.feature_dim = 9\n    return net",
        ),
        BACKBONE,
        "The backbone 'bad' of dmlcore-bad 1.0 returns (1, 8); expected features (1, 9).",
    ),
    "a backbone that fails in training": (
        component(
            "backbone",
            "def build(self, context):\n    return Net(False)",
            "class Net(toy_networks.TinyNet):\n    def forward(self, images):\n"
            "        return super().forward(images) if not self.training else images[99]",
        ),
        BACKBONE,
        "The backbone 'bad' of dmlcore-bad 1.0 failed in forward: IndexError: index 99 is out of bounds for dimension 0"
        f" with size 9 (dmlcore_bad.py, line 8). {author('backbone')}",
    ),
    "a data set that raises": (
        component("dataset", "def load(self, split):\n    open('labels.txt')"),
        DATASET,
        "The dataset 'bad' of dmlcore-bad 1.0 failed in load: FileNotFoundError: [Errno 2] No such file or directory:"
        f" 'labels.txt' (dmlcore_bad.py, line 14). {author('dataset')}",
    ),
    "an image that raises": (
        component(
            "dataset",
            "def load(self, split):\n    return Images(0 if split == 'train' else 6, 6, 6)",
            "class Images(toys.SquareImages):\n    def image(self, index):\n        return [][index]",
        ),
        DATASET,
        "The dataset 'bad' of dmlcore-bad 1.0 failed in image: IndexError: list index out of range (dmlcore_bad.py,"
        f" line 8). {author('dataset')}",
    ),
}


@pytest.mark.parametrize(("source", "setting", "message"), RUN.values(), ids=RUN)
def test_a_run_ends_with_one_message(
    fake_plugin: Callable[..., None], give: Callable[..., Result], source: str, setting: str, message: str
) -> None:
    fake_plugin("dmlcore-bad", source)
    fake_plugin("dmlcore-toys", TOYS)
    Path("toy.toml").write_text(STUDY.replace("seeds = [0, 1]", "seeds = [0]"))
    settings = ["--set", setting, "--set", "training.epochs=1"]
    result = give("run", "toy.toml", *settings, "--observer", "jsonl", code=1)
    (stored,) = Path("runs").rglob("failure.txt")
    reason = stored.read_text()
    told, trace = re.fullmatch(r"(.*?)(?: Traceback for its author: (.*))?", reason).groups()
    assert re.sub(r"\(/.*, line \d+\)|\(dmlcore_plugins/.*, line \d+\)", "(…)", told) == message
    assert squeezed(result.stdout).count(squeezed(f"failed seed=0: {reason}")) == 1
    assert result.stderr == ""
    raised = " failed in " in message or " fails in " in message
    assert (trace is not None) == raised
    assert not raised or "Traceback (most recent call last)" in Path(trace).read_text()


def squeezed(text: str) -> str:
    """A text without white space: the terminal breaks lines where it likes."""
    return "".join(text.split())


def test_other_runs_of_the_study_are_made(fake_plugin: Callable[..., None], give: Callable[..., Result]) -> None:
    fake_plugin("dmlcore-bad", loss("return labels.missing"))
    fake_plugin("dmlcore-toys", TOYS)
    Path("toy.toml").write_text(STUDY + '[grid]\nloss = [{ use = "bad" }, { use = "pair" }]\n')
    settings = ["--set", "seeds=[0]", "--set", "training.epochs=1"]
    give("run", "toy.toml", *settings, "--observer", "jsonl", code=1)
    states = [line.split()[1:3] for line in give("check", "toy.toml", *settings).stdout.splitlines() if " run " in line]
    assert [(state, run.partition("_")[0]) for state, run in states] == [
        ("failed", "loss=bad"),
        ("finished", "loss=pair"),
    ]


@pytest.mark.parametrize(
    ("methods", "where"),
    [
        ("def build(self, run):\n    raise OSError('disk full')", "failed in build (OSError: disk full)"),
        ("def build(self, run):\n    raise SystemExit(1)", "failed in build (SystemExit: 1)"),
        (
            "def build(self, run):\n    return Watcher()",
            "failed in dmlcore_on_run_start (ZeroDivisionError: division by zero)",
        ),
        (
            "def build(self, run):\n    return Misspelt()",
            "failed in build (PluginValidationError: unknown hook 'dmlcore_on_run_strat' in plugin …)",
        ),
    ],
)
def test_an_observer_is_dropped(
    fake_plugin: Callable[..., None], give: Callable[..., Result], methods: str, where: str
) -> None:
    before = (
        "class Watcher:\n    @hookimpl\n    def dmlcore_on_run_start(self):\n        return 1 / 0\n\n\n"
        "class Misspelt:\n    @hookimpl\n    def dmlcore_on_run_strat(self):\n        return 1\n"
    )
    fake_plugin("dmlcore-bad", component("observer", methods, before))
    fake_plugin("dmlcore-toys", TOYS)
    Path("toy.toml").write_text(STUDY.replace("seeds = [0, 1]", "seeds = [0]"))
    give("run", "toy.toml", "--set", "training.epochs=1", "--observer", "jsonl", "--observer", "bad")
    (stored,) = Path("runs").rglob("result.json")
    told = [text for text in json.loads(stored.read_text())["warnings"] if "observer" in text]
    assert [re.sub(r"plugin .*\)", "plugin …)", text) for text in told] == [
        f"The observer 'bad' of dmlcore-bad 1.0 {where} and was dropped."
    ]


def test_an_observer_of_the_command_line_that_cannot_be_built(
    fake_plugin: Callable[..., None], give: Callable[..., Result]
) -> None:
    methods = "def __attrs_post_init__(self):\n    raise SystemExit\n\ndef build(self, run):\n    pass"
    fake_plugin("dmlcore-bad", component("observer", methods))
    fake_plugin("dmlcore-toys", TOYS)
    Path("toy.toml").write_text(STUDY)
    assert give("run", "toy.toml", "--observer", "bad", code=2).stderr == (
        "Error: dmlcore-bad/bad\n"
        "    The observer 'bad' of dmlcore-bad 1.0 failed to check its options: SystemExit (dmlcore_bad.py, line 14)."
        " Report this to the plugin's author: only a ValueError means that the options are wrong.\n"
    )


CHECKED = {
    "options that raise something else": (
        component(
            "loss", "def __attrs_post_init__(self):\n    self.missing\n\ndef build(self, context):\n    return 1"
        ),
        'loss={use="bad"}',
        "Error: toy.toml has 1 problem.\n\n"
        "--set loss\n"
        "    The loss 'bad' of dmlcore-bad 1.0 failed to check its options: AttributeError: 'Bad' object has no"
        " attribute 'missing' (dmlcore_bad.py, line 14). Report this to the plugin's author: only a ValueError means"
        " that the options are wrong.\n",
        2,
    ),
    "options that exit": (
        component(
            "loss", "def __attrs_post_init__(self):\n    raise SystemExit\n\ndef build(self, context):\n    pass"
        ),
        'loss={use="bad"}',
        "Error: toy.toml has 1 problem.\n\n"
        "--set loss\n"
        "    The loss 'bad' of dmlcore-bad 1.0 failed to check its options: SystemExit (dmlcore_bad.py, line 14)."
        " Report this to the plugin's author: only a ValueError means that the options are wrong.\n",
        2,
    ),
    "labels that are no int64": (
        component(
            "dataset",
            "def load(self, split):\n    images = toys.SquareImages(0 if split == 'train' else 6, 6, 6)\n"
            "    images.labels = images.labels.astype('float32')\n    return images",
        ),
        DATASET,
        "Error: The train labels of the dataset 'bad' of dmlcore-bad 1.0 must be a non-empty (N,) array of int64, not"
        " float32 (36,).\n",
        3,
    ),
    "labels that count from 1": (
        component(
            "dataset",
            "def load(self, split):\n    images = toys.SquareImages(0 if split == 'train' else 6, 6, 6)\n"
            "    images.labels = images.labels + 1\n    return images",
        ),
        DATASET,
        "Error: The train labels of the dataset 'bad' of dmlcore-bad 1.0 must be indices into class_names, and each"
        " class must have an image. Got 6 names and 6 labels from 1 to 6.\n",
        3,
    ),
    "a split that is None": (
        component("dataset", "def load(self, split):\n    return None"),
        DATASET,
        "Error: The dataset 'bad' of dmlcore-bad 1.0 failed in load: AttributeError: 'NoneType' object has no attribute"
        f" 'labels'. {author('dataset')}\n",
        1,
    ),
}


@pytest.mark.parametrize(("source", "setting", "message", "code"), CHECKED.values(), ids=CHECKED)
def test_check_ends_with_one_message(
    fake_plugin: Callable[..., None], give: Callable[..., Result], source: str, setting: str, message: str, code: int
) -> None:
    fake_plugin("dmlcore-bad", source)
    fake_plugin("dmlcore-toys", TOYS)
    Path("toy.toml").write_text(STUDY)
    assert give("check", "toy.toml", "--set", setting, code=code).stderr == message


@pytest.mark.parametrize("code", ["[][index]", "exit(index)"])
def test_an_image_that_raises_in_a_worker_process(
    fake_plugin: Callable[..., None], give: Callable[..., Result], code: str
) -> None:
    source, _, message = RUN["an image that raises"]
    source = source.replace("[][index]", code)
    if code != "[][index]":
        message = message.replace("IndexError: list index out of range", "SystemExit: 0")
    fake_plugin("dmlcore-bad", source)
    fake_plugin("dmlcore-toys", TOYS)
    Path("toy.toml").write_text(STUDY.replace("seeds = [0, 1]", "seeds = [0]"))
    give("run", "toy.toml", "--set", DATASET, "--set", "training.workers=1", "--observer", "jsonl", code=1)
    (stored,) = Path("runs").rglob("failure.txt")
    assert stored.read_text().startswith(f"{message} Traceback")
    (trace,) = Path("runs").rglob("traceback.txt")
    assert f"return {code}" in trace.read_text()


def test_a_smoke_run_ends_with_one_message(fake_plugin: Callable[..., None], give: Callable[..., Result]) -> None:
    methods = "def build(self, context):\n    return None\n\ndef for_smoke(self):\n    return self.small"
    fake_plugin("dmlcore-bad", component("backbone", methods))
    fake_plugin("dmlcore-toys", TOYS)
    Path("toy.toml").write_text(STUDY)
    assert give("run", "toy.toml", "--smoke", "--set", BACKBONE, code=1).stderr == (
        "Error: The backbone 'bad' of dmlcore-bad 1.0 failed in for_smoke: AttributeError: 'Bad' object has no"
        f" attribute 'small' (dmlcore_bad.py, line 17). {author('backbone')}\n"
    )


def test_an_author_asks_for_the_traceback(fake_plugin: Callable[..., None], give: Callable[..., Result]) -> None:
    fake_plugin("dmlcore-bad", component("dataset", "def load(self, split):\n    return 1 / 0"))
    fake_plugin("dmlcore-toys", TOYS)
    Path("toy.toml").write_text(STUDY)
    give("check", "toy.toml", "--set", DATASET, code=1)
    shown = running.invoke("--traceback", "check", "toy.toml", "--set", DATASET, code=1).stderr
    assert shown.startswith("Traceback (most recent call last)")
    assert "    return 1 / 0\n" in shown
    assert shown.splitlines()[-1].startswith("Error: The dataset 'bad' of dmlcore-bad 1.0 failed in load:")


TEN_MISTAKES = """\
colour = "red"
seeds = [0, "1"]

[dataset]
use = "sqares"

[backbone]
use = "tiny"

[embedding]
dim = "64"
pooling = "mean"

[loss]
use = "pair"
margn = 0.1
miner = { use = "hard_pairs", epsilon = -1 }

[sampler]
each = 3

[training]
epochs = 3.5
freeze_batchnorm = "no"

[[evaluators]]
use = "nearest"

[grid]
"optimizer.learning_rate" = 0.1
"""


def test_ten_mistakes_give_ten_messages(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "study.toml"
    path.write_text(TEN_MISTAKES)
    with pytest.raises(StudyError) as caught:
        load_study(path, registry)
    assert (
        str(caught.value)
        == f"""\
{path} has 11 problems.

{path}:1: colour
    expected  an option of a study
    got       'colour'
    Known: dataset, backbone, loss, sampler, evaluators, schema, name, question, seeds, embedding, transforms, \
training, optimizer, scheduler, evaluation, observers, sections.

{path}:2: seeds[1]
    expected  an integer
    got       "1" (a string)

{path}:5: dataset.use
    expected  the name of a dataset
    got       "sqares" (a string)
    no installed plugin offers a dataset named 'sqares'. Did you mean 'squares'? Known: squares.

{path}:11: embedding.dim
    expected  an integer or "features"
    got       "64" (a string)

{path}:12: embedding.pooling
    expected  "avg" or "max" or "avg+max"
    got       "mean" (a string)
    Did you mean 'max'?

{path}:16: loss.margn
    expected  an option of loss 'pair'
    got       'margn'
    Did you mean 'margin'?

{path}:17: loss.miner.epsilon
    expected  a number > 0
    got       -1 (an integer)

{path}:19: sampler
    expected  a table with `use = "sampler name"`
    got       a table without `use`
    Known: balanced, spread.

{path}:23: training.epochs
    expected  an integer
    got       3.5 (a number)

{path}:24: training.freeze_batchnorm
    expected  true or false
    got       "no" (a string)

{path}:30: grid."optimizer.learning_rate"
    expected  a list with at least one value
    got       0.1 (a number)"""
    )
