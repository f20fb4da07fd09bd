"""Pictures of what the examples compute. The only place in this library that draws; computes nothing.

Colours are Okabe and Ito's, which people with any colour vision can tell apart; lines differ in their strokes
as well.
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from estimator.network.examples.chain import FirstGradient
from estimator.network.examples.circles import Learning
from estimator.network.examples.curves import Curve, valley
from estimator.network.examples.house import Trial

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
STROKES = ("-", "--", ":")

mpl.use("Agg")
mpl.rcParams.update(
    {
        "axes.grid": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.dpi": 120,
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "grid.alpha": 0.3,
    }
)


def draw_activations(curves: Sequence[Curve], path: Path) -> None:
    """A panel an activation: its value and its slope."""
    figure, axes = plt.subplots(2, 4, figsize=(12, 5.5), sharex=True)
    for axis, curve in zip(axes.flat, curves, strict=False):
        axis.plot(curve.x, curve.value, color=BLUE, label="value f(x)")
        axis.plot(curve.x, curve.slope, color=ORANGE, linestyle="--", label="slope f′(x)")
        axis.set(title=curve.name, ylim=(-1.5, 2.5), xlabel="x")
    rest = axes.flat[len(curves)]
    rest.axis("off")
    rest.legend(*axes.flat[0].get_legend_handles_labels(), loc="center", frameon=False)
    _save(figure, path)


def draw_descent(paths: dict[str, tuple[float, np.ndarray]], path: Path) -> None:
    """A panel a learning rate: the points that were visited, on the loss's contours."""
    figure, axes = plt.subplots(1, len(paths), figsize=(12, 4), sharex=True, sharey=True)
    a, b = np.meshgrid(np.linspace(-5, 5, 201), np.linspace(-4, 4, 201))
    height = valley(np.stack([a, b], axis=-1))
    for axis, (name, (rate, points)) in zip(axes, paths.items(), strict=True):
        axis.contour(a, b, height, levels=[0.3, 1, 3, 8, 16, 32, 64], colors="grey", linewidths=0.6)
        axis.plot(*points.T, color=BLUE, marker="o", markersize=3, linewidth=1)
        axis.plot(*points[0], color=ORANGE, marker="s", markersize=8, linestyle="", label="start")
        axis.plot(0, 0, color=GREEN, marker="*", markersize=14, linestyle="", label="lowest point")
        change = f"{valley(points[0]):.1f} → {valley(points[-1]):.2g}"
        title = f"{name}: η = {rate:g}\nloss {change} in {len(points) - 1} steps"
        axis.set(title=title, xlabel="parameter a", xlim=(-5, 5), ylim=(-4, 4))
        axis.grid(visible=False)
    axes[0].set_ylabel("parameter b")
    axes[0].legend(loc="lower right", framealpha=1)
    _save(figure, path)


def draw_chain(gradients: Sequence[FirstGradient], losses: dict[str, np.ndarray], path: Path) -> None:
    """How the first weight's gradient fades and dies with the length, and what a leak does for a dead neuron."""
    figure, (fading, dying, learning) = plt.subplots(1, 3, figsize=(13, 4))
    names = list(dict.fromkeys(gradient.activation for gradient in gradients))
    for name, colour, stroke in zip(names, (ORANGE, BLUE, GREEN), STROKES, strict=True):
        mine = [gradient for gradient in gradients if gradient.activation == name]
        lengths = [gradient.length for gradient in mine]
        style = {"color": colour, "linestyle": stroke, "marker": "o", "markersize": 4, "label": name}
        alive = [gradient.median if gradient.median > 0 else np.nan for gradient in mine]
        if not np.all(np.isnan(alive)):
            fading.semilogy(lengths, alive, **style)
        dying.plot(lengths, [100 * gradient.dead for gradient in mine], **style)
        if name in losses:
            learning.plot(losses[name], color=colour, linestyle=stroke, label=name)
    fading.set(
        title="The gradient vanishes with the length",
        xlabel="layers L",
        ylabel="|gradient| of the first weight, median",
    )
    dying.set(title="ReLU's dies", xlabel="layers L", ylabel="chains with a gradient of 0, %", ylim=(-5, 105))
    learning.set(title="A leak mends a dead neuron", xlabel="step", ylabel="squared error", ylim=(-0.05, 1.15))
    for axis in (fading, dying, learning):
        axis.legend()
    _save(figure, path)


def draw_learning(learning: Learning, path: Path) -> None:
    """Loss and accuracy by epoch."""
    figure, (loss, accuracy) = plt.subplots(1, 2, figsize=(10, 4))
    numbers = [epoch.number for epoch in learning.epochs]
    loss.semilogy(numbers, [epoch.train_loss for epoch in learning.epochs], color=BLUE, label="learnt from")
    unseen = [epoch.validation_loss for epoch in learning.epochs]
    loss.semilogy(numbers, unseen, color=ORANGE, linestyle="--", label="unseen")
    loss.set(title="Loss", xlabel="epoch", ylabel="binary cross-entropy")
    loss.legend()
    accuracy.plot(numbers, 100 * learning.accuracy, color=ORANGE, linestyle="--")
    accuracy.set(title="Accuracy on unseen points", xlabel="epoch", ylabel="told right, %")
    _save(figure, path)


def animate_surface(learning: Learning, points: np.ndarray, inner: np.ndarray, path: Path) -> None:
    """The decision surface, epoch by epoch, as a GIF."""
    figure, axis = plt.subplots(figsize=(5.6, 4.8), dpi=90)
    side = (learning.grid[0], learning.grid[-1])
    few = mpl.colormaps["PuOr"].resampled(20)  # a GIF has 256 colours a frame
    image = axis.imshow(
        learning.surfaces[0],
        origin="lower",
        extent=(*side, *side),
        cmap=few,
        vmin=0,
        vmax=1,
        interpolation="bilinear",
    )
    figure.colorbar(image, ax=axis, label="probability of the inner circle")
    for value, colour, edge, marker, label in (
        (1, "white", "black", "o", "inner"),
        (0, "black", "white", "^", "outer"),
    ):
        chosen = points[inner == value].T
        axis.plot(*chosen, linestyle="", marker=marker, markersize=5, color=colour, mec=edge, mew=0.6, label=label)
    axis.set(xlabel="x", ylabel="y", aspect="equal", title="epoch 1")
    axis.grid(visible=False)
    axis.legend(loc="upper right", framealpha=1)

    def show(frame: int) -> list[Artist]:
        image.set_data(learning.surfaces[frame])
        axis.set_title(f"epoch {frame + 1}: {100 * learning.accuracy[frame]:.1f} % of unseen points right")
        return [image]

    figure.canvas.draw()  # settles the layout before the first frame
    FuncAnimation(figure, show, frames=len(learning.surfaces)).save(path, writer=PillowWriter(fps=5))
    plt.close(figure)


def draw_house(trials: Sequence[Trial], path: Path) -> None:
    """Error against width, a panel a depth: what was learnt gets ever better, what is unseen does not."""
    depths = sorted({trial.depth for trial in trials})
    figure, axes = plt.subplots(1, len(depths), figsize=(12, 4), sharey=True)
    for axis, depth in zip(axes, depths, strict=True):
        mine = [trial for trial in trials if trial.depth == depth]
        widths = [trial.width for trial in mine]
        axis.plot(widths, [trial.train for trial in mine], color=BLUE, marker="o", label="sales learnt from")
        axis.plot(
            widths,
            [trial.validation for trial in mine],
            color=ORANGE,
            linestyle="--",
            marker="s",
            label="unseen sales",
        )
        axis.set_xscale("log", base=2)
        axis.set_xticks(widths, [str(width) for width in widths])
        axis.set(title=f"{depth} hidden layer{'s' if depth > 1 else ''}", xlabel="neurons in each")
    axes[0].set_ylabel("RMSE of the log price")
    axes[0].legend()
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path)
    plt.close(figure)
