"""What the report's charts are drawn on: one figure of the page's width, its colours, axes and labels.

Colours are names that the page's style gives a value; they are safe for colour-blind eyes (Okabe and Ito 2008,
Color Universal Design). Knows nothing of what is drawn.
"""

import io
import re
import warnings
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

INK, FAINT, BLUE, ORANGE, GREEN, GREY = (f"#01020{digit}" for digit in range(6))
"""Stand-ins, replaced by the names in `_STYLES` when a chart is written."""
_STYLES = dict(
    zip((INK, FAINT, BLUE, ORANGE, GREEN, GREY), ("ink", "faint", "blue", "orange", "green", "grey"), strict=True)
)

_WIDE = 9.0
"""Inches of every chart: the width of the page."""
_SETTINGS: Any = {
    "svg.fonttype": "none",  # text stays text: it can be found, read out, and takes the page's font
    "text.parse_math": False,  # a neighbourhood may be called $1
    "font.family": "sans-serif",
    "font.size": 10.5,
    "figure.constrained_layout.use": False,  # places are its own, whatever else in the process draws
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
"""Decorates what draws: whatever else in the process draws keeps its own settings."""
PLAIN = FuncFormatter(lambda each, _: f"{each:g}")
SEPARATED = FuncFormatter(lambda each, _: f"{each:,.6g}")


class Chart:
    """One chart: a figure of the page's width.

    Parameters
    ----------
    height
        Inches.
    """

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = Figure(figsize=(_WIDE, height))
        FigureCanvasSVG(self.figure)

    def axes(
        self,
        place: int = 0,
        across: int = 1,
        down: int = 1,
        *,
        left: float = 0.085,
        right: float = 0.985,
        **settings: Any,
    ) -> Axes:
        """Add axes at a place of a grid, counted by row; the settings are those of `Axes.set`."""
        above, below = 0.32 if "title" in settings else 0.12, 0.62 if "xlabel" in settings else 0.4
        between, apart = 0.62, 0.7
        wide = ((right - left) * _WIDE - between * (across - 1)) / across
        high = (self.height - above - below - (apart + 0.1) * (down - 1)) / down
        row, column = divmod(place, across)
        bottom = self.height - above - high - row * (high + apart + 0.1)
        box = (left + column * (wide + between) / _WIDE, bottom / self.height, wide / _WIDE, high / self.height)
        axes = self.figure.add_axes(box)
        axes.set(**settings)
        return axes

    def svg(self, label: str) -> str:
        """Return the chart as SVG for a page: its colours are the page's, its label is read out."""
        buffer = io.StringIO()
        # The same numbers give the same file, and no two charts of a page share an id.
        with warnings.catch_warnings(), mpl.rc_context({"svg.hashsalt": label}):
            # It measures by its own font, which knows fewer letters than the reader's.
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
    """Return an amount as an axis shows it."""
    for size, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= size:
            return f"{amount / size:.3g}{letter}"
    return f"{amount:.3g}"


def money_axis(axis: Any) -> None:
    """Show amounts on an axis: even steps, short names."""
    axis.set_major_formatter(FuncFormatter(lambda each, _: money(each)))
    if axis.get_scale() == "log":
        low, high = axis.get_view_interval()
        steps = (1, 2, 5) if high / low < 300 else (1, 3)
        axis.set_major_locator(LogLocator(subs=steps))
        axis.set_minor_formatter(NullFormatter())


def plain_log(axis: Any) -> None:
    """Show plain numbers on a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter(FuncFormatter(lambda each, _: f"{each:.3g}"))
    axis.set_minor_formatter(NullFormatter())


def name_months(axes: Axes, months: Sequence[str]) -> None:
    """Name the months at places 0, 1, … on the x axis."""
    name_places(axes, months)
    axes.grid(axis="x", visible=False)


def name_places(axes: Axes, names: Sequence[str]) -> None:
    """Name places 0, 1, … on the x axis, aslant where they would touch; of very many, some."""
    step = max(1, -(-len(names) // 24))
    width = axes.get_position().width * _WIDE
    long = max(map(len, names), default=0) * 0.085 * len(names) / step > width
    axes.set_xticks(range(0, len(names), step), names[::step], rotation=40 if long else 0, fontsize=9)
    if long:
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")


def legend(axes: Axes, columns: int = 1, scale: float = 1.0) -> None:
    """Add the legend."""
    axes.legend(ncols=columns, markerscale=scale, fontsize=9.5, handlelength=1.6)
