"""Proxy-Anchor, as an entry point by itself."""

from __future__ import annotations

from collections.abc import Sequence

from dmlcore import LossConfig, hookimpl
from dmlcore_plugins.losses.catalogue.class_losses import ProxyAnchor


@hookimpl
def dmlcore_register_losses() -> Sequence[type[LossConfig]]:
    return [ProxyAnchor]
