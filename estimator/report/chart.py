"""The canvas of the report's charts: a figure as wide as the page, with its colours, axes and labels.

Colours are CSS variables of the page's style, so a chart follows light and dark mode. They are distinguishable for
colour-blind readers (Okabe and Ito 2008, Color Universal Design). This module does not know what is drawn.
"""

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

Record = Mapping[str, Any]
"""One JSON object of the report's data."""

INK, FAINT, BLUE, ORANGE, GREEN, GREY = (f"#01020{digit}" for digit in range(6))
"""Placeholder colours; `Chart.svg` replaces them with the CSS variables named in `_STYLES`."""
_STYLES = dict(
    zip((INK, FAINT, BLUE, ORANGE, GREEN, GREY), ("ink", "faint", "blue", "orange", "green", "grey"), strict=True)
)

_WIDTH = 9.0
"""Width of every chart in inches: the width of the page."""
_SETTINGS: Any = {
    "svg.fonttype": "none",  # keep text as text: searchable, accessible, in the page's font
    "text.parse_math": False,  # a neighbourhood's name may contain $
    "font.family": "sans-serif",
    "font.size": 10.5,
    "figure.constrained_layout.use": False,  # axes are positioned explicitly
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "savefig.facecolor": "none",
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("xtick.major.size", "ytick.major.size", "xtick.minor.size", "ytick.minor.size"), 0),
}
STYLED = mpl.rc_context(_SETTINGS)
"""Decorator for drawing functions: applies these settings without changing those of other code."""
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")
SEPARATED = FuncFormatter(lambda value, _: f"{value:,.6g}")


class Chart:
    """One chart: a figure as wide as the page.

    Parameters
    ----------
    height
        In inches.
    """

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = Figure(figsize=(_WIDTH, height))
        FigureCanvasSVG(self.figure)

    def axes(
        self,
        index: int = 0,
        n_columns: int = 1,
        n_rows: int = 1,
        *,
        left: float = 0.085,
        right: float = 0.985,
        **settings: Any,
    ) -> Axes:
        """Add axes to a grid of n_rows × n_columns at an index counted row by row; settings as of `Axes.set`."""
        top, bottom = 0.32 if "title" in settings else 0.12, 0.62 if "xlabel" in settings else 0.4
        column_spacing, row_spacing = 0.62, 0.8
        width = ((right - left) * _WIDTH - column_spacing * (n_columns - 1)) / n_columns
        height = (self.height - top - bottom - row_spacing * (n_rows - 1)) / n_rows
        row, column = divmod(index, n_columns)
        x = left + column * (width + column_spacing) / _WIDTH
        y = (self.height - top - height - row * (height + row_spacing)) / self.height
        box = (x, y, width / _WIDTH, height / self.height)
        axes = self.figure.add_axes(box)
        axes.set(**settings)
        return axes

    def svg(self, label: str) -> str:
        """Return the chart as SVG for the page; screen readers read the label."""
        buffer = io.StringIO()
        # The salt makes ids reproducible, and different in every chart of a page.
        with warnings.catch_warnings(), mpl.rc_context({"svg.hashsalt": label}):
            # Matplotlib measures text in its own font, which has fewer glyphs than the reader's.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            self.figure.savefig(buffer, format="svg", dpi=150, metadata={"Date": None})
        text = buffer.getvalue()
        text = text[text.index("<svg") :]
        head = f'<svg role="img" aria-label="{escape(label)}" viewBox'
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
        text = re.sub(r' id="[a-zA-Z0-9.]+_[0-9]+"', "", text)
        for stand_in, name in _STYLES.items():
            text = text.replace(stand_in, f"var(--{name})")
        return re.sub(r"<svg [^>]*?viewBox", lambda _: head, text, count=1)


def money(amount: float) -> str:
    """Return an amount as axes show it: 1.25M, 300k."""
    for size, suffix in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= size:
            return f"{amount / size:.3g}{suffix}"
    return f"{amount:.3g}"


def money_axis(axis: Any) -> None:
    """Show amounts on an axis in short form."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: money(value)))
    if axis.get_scale() == "log":
        low, high = axis.get_view_interval()
        steps = (1, 2, 5) if high / low < 300 else (1, 3)
        axis.set_major_locator(LogLocator(subs=steps))
        axis.set_minor_formatter(NullFormatter())


def plain_log(axis: Any) -> None:
    """Show plain numbers, without powers of ten, on a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axis.set_minor_formatter(NullFormatter())


def label_months(axes: Axes, months: Sequence[str]) -> None:
    """Label x = 0, 1, … with the months."""
    label_ticks(axes, months)
    axes.grid(axis="x", visible=False)


def label_ticks(axes: Axes, names: Sequence[str]) -> None:
    """Label x = 0, 1, … with names: rotated where they would overlap, at most 24 of them."""
    step = max(1, -(-len(names) // 24))
    width = axes.get_position().width * _WIDTH
    rotated = max(map(len, names), default=0) * 0.085 * len(names) / step > width
    axes.set_xticks(range(0, len(names), step), names[::step], rotation=40 if rotated else 0, fontsize=9)
    if rotated:
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")


def legend(axes: Axes, columns: int = 1, scale: float = 1.0) -> None:
    """Add the legend in the style of all charts."""
    axes.legend(ncols=columns, markerscale=scale, fontsize=9.5, handlelength=1.6)
