"""The figure of a probe: which batch sizes run, and which learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from matplotlib.axes import Axes

from dmlcore.api.blocks import Figure, Key, Panel
from dmlcore.report.content.naming import setting_name
from dmlcore.report.content.quantities import label
from dmlcore.report.figures.drawing import GROUND, MUTED, QUIET, RAMP, WIDTH, from_zero, panel, plain
from dmlcore.results.trials import Probe, Regime, Trial
from dmlcore.text import counted

STYLES: Mapping[Regime, tuple[str, str, str]] = {
    "impossible": (QUIET, "x", "×"),
    "failed": (RAMP[6], "X", "✖"),
    "no signal": (RAMP[5], "D", "◆"),
    "collapsed": (RAMP[6], "v", "▼"),
    "harmful": (RAMP[5], "<", "◀"),
    "inconclusive": (RAMP[4], "s", "■"),
    "weak": (RAMP[2], "^", "▲"),
    "learns": (RAMP[3], "o", "●"),
}
"""Regime → color, marker of matplotlib, and sign of the legend."""

DIGIT = 0.075
"""Width of a digit of the ticks, in inches."""


def probe_picture(probe: Probe) -> Figure:
    """Draw the gain over the untrained network by batch size; color and shape show the regime."""
    found = {trial.regime for trial in probe.trials}
    legend = tuple(Key(f"{sign} {regime}", color, -1) for regime, (color, _, sign) in STYLES.items() if regime in found)
    line = f" The dashed line is the rule: {_least(probe)} images or more." if _least(probe) else ""
    caption = (
        f"Gain in {label(probe.metric)} on unseen classes after {counted(probe.steps, 'step')}, with its interval over"
        " classes, at each size tried, in equal distances. A size learns if the interval is above zero. Open signs are"
        f" sizes that the rule refuses; they were tried anyway. Sizes without a gain are at the bottom.{line}"
    )
    return Figure("probe", "Batch sizes tried", caption, tuple(_panels(probe)), legend)


def _panels(probe: Probe) -> list[Panel]:
    bottom = 0.62 if _crowded(probe) else 0.48
    alt = " ".join(f"Batch size {trial.batch_size}: {_described(trial)}." for trial in probe.trials)
    panels = [panel(f"{probe.study} probe gain", alt, _drawn(_gains, probe), bottom=bottom)]
    if any("gradient_norm" in trial.figures for trial in probe.trials):
        alt = f"{label('gradient_norm').capitalize()} by batch size."
        panels.append(panel(f"{probe.study} probe gradient", alt, _drawn(_gradients, probe), bottom=bottom))
    return panels


def _described(trial: Trial) -> str:
    gain = f", gain {trial.figures['gain']:.3f}" if "gain" in trial.figures else ""
    return f"{'refused, ' if trial.refused else ''}{trial.regime}{gain}"


def _drawn(draw: Callable[[Axes, Probe], None], probe: Probe) -> Callable[[Axes], None]:
    """Draw on an axis with a tick and a label at each size, in equal distances."""

    def drawn(axes: Axes) -> None:
        sizes = [str(trial.batch_size) for trial in probe.trials]
        if _crowded(probe):
            sizes = [f"\n{size}" if place % 2 else size for place, size in enumerate(sizes)]
        axes.margins(y=0.1)
        draw(axes, probe)
        axes.set_xticks(range(len(sizes)), sizes)
        axes.set_xlim(-0.6, len(sizes) - 0.4)
        axes.grid(False, axis="x")
        axes.set_xlabel(plain(setting_name(probe.path).capitalize()))

    return drawn


def _crowded(probe: Probe) -> bool:
    """Whether the labels of the sizes need two rows."""
    longest = max(len(str(trial.batch_size)) for trial in probe.trials)
    return (longest + 1) * DIGIT * len(probe.trials) > WIDTH - 0.6


def _gains(axes: Axes, probe: Probe) -> None:
    ends = [trial.figures[name] for trial in probe.trials for name in ("gain", "gain_low") if name in trial.figures]
    foot = min([0.0, *ends])
    axes.axhline(0, color=QUIET, linewidth=1)
    for place, trial in enumerate(probe.trials):
        gain = trial.figures.get("gain")
        if gain is None:
            axes.plot([place], [foot], markeredgewidth=2, **_style(trial))
            continue
        bars = [[gain - trial.figures.get("gain_low", gain)], [trial.figures.get("gain_high", gain) - gain]]
        axes.errorbar([place], [gain], bars, capsize=4, **_style(trial))
    _rule_line(axes, probe)
    axes.set_title(plain(f"{label('gain').capitalize()} in {label(probe.metric)}"))


def _gradients(axes: Axes, probe: Probe) -> None:
    for place, trial in enumerate(probe.trials):
        if "gradient_norm" in trial.figures:
            axes.plot([place], [trial.figures["gradient_norm"]], **_style(trial))
    from_zero(axes)
    _rule_line(axes, probe)
    axes.set_title(label("gradient_norm").capitalize())


def _style(trial: Trial) -> dict[str, Any]:
    color, marker, _ = STYLES[trial.regime]
    face = GROUND if trial.refused else color
    return {"marker": marker, "color": color, "markerfacecolor": face, "markersize": 7, "linestyle": "none"}


def _rule_line(axes: Axes, probe: Probe) -> None:
    """Draw a line between the sizes below the smallest that the rule allows and the others."""
    below = sum(trial.batch_size < _least(probe) for trial in probe.trials)
    if 0 < below < len(probe.trials):
        axes.axvline(below - 0.5, color=MUTED, linewidth=1, linestyle=(0, (2, 1.5)))


def _least(probe: Probe) -> int:
    """The smallest size that the rule allows; 0 if unknown."""
    return (probe.rule.smallest if probe.rule else None) or 0
