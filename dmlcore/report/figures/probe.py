"""The figure of a probe: which batch sizes run, and which learn."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from dmlcore.api.blocks import Figure, Key, Panel
from dmlcore.report.content.naming import setting_name
from dmlcore.report.content.quantities import label
from dmlcore.report.figures.axes import number_axis
from dmlcore.report.figures.drawing import QUIET, RAMP, panel, plain
from dmlcore.results.trials import Probe, Regime
from dmlcore.text import capitalized

STYLES: Mapping[Regime, tuple[str, str, str]] = {
    "undefined": (QUIET, "x", "×"),
    "degenerate": (RAMP[6], "v", "▼"),
    "weak": (RAMP[4], "s", "■"),
    "fine": (RAMP[3], "o", "●"),
}
"""Regime → color, marker of matplotlib, and sign of the legend."""


def probe_picture(probe: Probe) -> Figure:
    """Draw the gain over the untrained network by batch size; color and shape show the regime."""
    found = {trial.regime for trial in probe.trials}
    legend = tuple(Key(f"{sign} {regime}", color, -1) for regime, (color, _, sign) in STYLES.items() if regime in found)
    caption = (
        f"Gain in {label(probe.metric)} on unseen classes after {probe.steps} steps, with its interval over classes. A"
        " size learns if the interval is above zero. Sizes with which no training step is possible are marked × at the"
        " bottom."
    )
    return Figure("probe", "Batch sizes tried", caption, tuple(_panels(probe)), legend)


def _panels(probe: Probe) -> list[Panel]:
    gains = (f", gain {t.figures['gain']:.3f}" if "gain" in t.figures else "" for t in probe.trials)
    sizes = zip(probe.trials, gains, strict=True)
    alt = " ".join(f"Batch size {trial.batch_size}: {trial.regime}{gain}." for trial, gain in sizes)
    panels = [panel(f"{probe.study} probe gain", alt, lambda axes: _gains(axes, probe))]
    if any("gradient_norm" in trial.figures for trial in probe.trials):
        alt = f"{label('gradient_norm').capitalize()} by batch size."
        panels.append(panel(f"{probe.study} probe gradient", alt, lambda axes: _gradients(axes, probe)))
    return panels


def _gains(axes: Axes, probe: Probe) -> None:
    foot = min([0.0, *(trial.figures.get("gain_low", 0.0) for trial in probe.trials)])
    axes.axhline(0, color=QUIET, linewidth=1)
    for trial in probe.trials:
        color, marker, _ = STYLES[trial.regime]
        gain = trial.figures.get("gain")
        if gain is None:
            axes.plot([trial.batch_size], [foot], marker, color=color, markersize=7, markeredgewidth=2)
            continue
        ends = [[gain - trial.figures.get("gain_low", gain)], [trial.figures.get("gain_high", gain) - gain]]
        axes.errorbar([trial.batch_size], [gain], ends, fmt=marker, color=color, capsize=4, markersize=7)
    axes.set_title(plain(f"{label('gain')} in {label(probe.metric)}"))
    _sizes(axes, probe)


def _gradients(axes: Axes, probe: Probe) -> None:
    for trial in probe.trials:
        if "gradient_norm" in trial.figures:
            color, marker, _ = STYLES[trial.regime]
            axes.plot([trial.batch_size], [trial.figures["gradient_norm"]], marker, color=color, markersize=7)
    axes.set_title(label("gradient_norm"))
    _sizes(axes, probe)


def _sizes(axes: Axes, probe: Probe) -> None:
    labels = {float(trial.batch_size): str(trial.batch_size) for trial in probe.trials}
    number_axis(axes, capitalized(setting_name(probe.path)), labels)
