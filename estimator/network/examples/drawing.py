"""Pictures of the examples' results. Only this module of the library draws, and it computes nothing.

The colours are from the palette of Okabe and Ito, which is safe for colour-blind readers; lines also differ in
style.
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
from estimator.network.examples.circles import CirclesRun
from estimator.network.examples.curves import Curve, valley
from estimator.network.examples.house import Trial

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
LINE_STYLES = ("-", "--", ":")

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
    """Draw one panel for each activation, with its value and derivative."""
    figure, axes = plt.subplots(2, 4, figsize=(12, 5.5), sharex=True)
    for axis, curve in zip(axes.flat, curves, strict=False):
        axis.plot(curve.x, curve.value, color=BLUE, label="value f(x)")
        axis.plot(curve.x, curve.derivative, color=ORANGE, linestyle="--", label="derivative f′(x)")
        axis.set(title=curve.name, ylim=(-1.5, 2.5), xlabel="x")
    legend_panel = axes.flat[len(curves)]
    legend_panel.axis("off")
    legend_panel.legend(*axes.flat[0].get_legend_handles_labels(), loc="center", frameon=False)
    _save(figure, path)


def draw_descent(paths: dict[str, tuple[float, np.ndarray]], path: Path) -> None:
    """Draw one panel for each learning rate, with the steps on the contours of the loss."""
    figure, axes = plt.subplots(1, len(paths), figsize=(12, 4), sharex=True, sharey=True)
    a, b = np.meshgrid(np.linspace(-5, 5, 201), np.linspace(-4, 4, 201))
    loss = valley(np.stack([a, b], axis=-1))
    for axis, (name, (rate, points)) in zip(axes, paths.items(), strict=True):
        axis.contour(a, b, loss, levels=[0.3, 1, 3, 8, 16, 32, 64], colors="grey", linewidths=0.6)
        axis.plot(*points.T, color=BLUE, marker="o", markersize=3, linewidth=1)
        axis.plot(*points[0], color=ORANGE, marker="s", markersize=8, linestyle="", label="start")
        axis.plot(0, 0, color=GREEN, marker="*", markersize=14, linestyle="", label="lowest point")
        losses = f"{valley(points[0]):.1f} → {valley(points[-1]):.2g}"
        title = f"{name}: η = {rate:g}\nloss {losses} in {len(points) - 1} steps"
        axis.set(title=title, xlabel="parameter a", xlim=(-5, 5), ylim=(-4, 4))
        axis.grid(visible=False)
    axes[0].set_ylabel("parameter b")
    axes[0].legend(loc="lower right", framealpha=1)
    _save(figure, path)


def draw_chain(gradients: Sequence[FirstGradient], losses: dict[str, np.ndarray], path: Path) -> None:
    """Draw the first weight's gradient by chain length, and the losses from ``losses_from_a_dead_start``."""
    figure, (vanishing, dying, learning) = plt.subplots(1, 3, figsize=(13, 4))
    names = list(dict.fromkeys(gradient.activation for gradient in gradients))
    for name, colour, line_style in zip(names, (ORANGE, BLUE, GREEN), LINE_STYLES, strict=True):
        own = [gradient for gradient in gradients if gradient.activation == name]
        lengths = [gradient.length for gradient in own]
        style = {"color": colour, "linestyle": line_style, "marker": "o", "markersize": 4, "label": name}
        nonzero = [gradient.median if gradient.median > 0 else np.nan for gradient in own]
        if not np.all(np.isnan(nonzero)):
            vanishing.semilogy(lengths, nonzero, **style)
        dying.plot(lengths, [100 * gradient.dead for gradient in own], **style)
        if name in losses:
            learning.plot(losses[name], color=colour, linestyle=line_style, label=name)
    vanishing.set(
        title="Gradients vanish with the number of layers",
        xlabel="layers L",
        ylabel="|gradient| of the first weight, median",
    )
    dying.set(
        title="ReLU gradients become 0", xlabel="layers L", ylabel="chains with a gradient of 0, %", ylim=(-5, 105)
    )
    learning.set(
        title="A leaky ReLU recovers a dead neuron", xlabel="step", ylabel="squared error", ylim=(-0.05, 1.15)
    )
    for axis in (vanishing, dying, learning):
        axis.legend()
    _save(figure, path)


def draw_learning(run: CirclesRun, path: Path) -> None:
    """Draw loss and accuracy by epoch."""
    figure, (loss, accuracy) = plt.subplots(1, 2, figsize=(10, 4))
    numbers = [epoch.number for epoch in run.epochs]
    loss.semilogy(numbers, [epoch.train_loss for epoch in run.epochs], color=BLUE, label="training points")
    unseen = [epoch.validation_loss for epoch in run.epochs]
    loss.semilogy(numbers, unseen, color=ORANGE, linestyle="--", label="unseen points")
    loss.set(title="Loss", xlabel="epoch", ylabel="binary cross-entropy")
    loss.legend()
    accuracy.plot(numbers, 100 * run.accuracy, color=ORANGE, linestyle="--")
    accuracy.set(title="Accuracy on unseen points", xlabel="epoch", ylabel="classified correctly, %")
    _save(figure, path)


def animate_surface(run: CirclesRun, points: np.ndarray, inner: np.ndarray, path: Path) -> None:
    """Write the decision surface after each epoch as an animated GIF."""
    figure, axis = plt.subplots(figsize=(5.6, 4.8), dpi=90)
    side = (run.grid[0], run.grid[-1])
    colour_map = mpl.colormaps["PuOr"].resampled(20)  # a GIF frame has at most 256 colours
    image = axis.imshow(
        run.surfaces[0],
        origin="lower",
        extent=(*side, *side),
        cmap=colour_map,
        vmin=0,
        vmax=1,
        interpolation="bilinear",
    )
    figure.colorbar(image, ax=axis, label="probability of the inner circle")
    for label_value, colour, outline, marker, label in (
        (1, "white", "black", "o", "inner"),
        (0, "black", "white", "^", "outer"),
    ):
        x, y = points[inner == label_value].T
        axis.plot(x, y, marker, markersize=5, color=colour, mec=outline, mew=0.6, label=label)
    axis.set(xlabel="x", ylabel="y", aspect="equal", title="epoch 1")
    axis.grid(visible=False)
    axis.legend(loc="upper right", framealpha=1)

    def draw_frame(frame: int) -> list[Artist]:
        image.set_data(run.surfaces[frame])
        axis.set_title(f"epoch {frame + 1}: {100 * run.accuracy[frame]:.1f} % of unseen points correct")
        return [image]

    figure.canvas.draw()  # computes the layout before the first frame
    FuncAnimation(figure, draw_frame, frames=len(run.surfaces)).save(path, writer=PillowWriter(fps=5))
    plt.close(figure)


def draw_house(trials: Sequence[Trial], path: Path) -> None:
    """Draw the training and validation errors by width, one panel for each depth."""
    depths = sorted({trial.depth for trial in trials})
    figure, axes = plt.subplots(1, len(depths), figsize=(12, 4), sharey=True)
    for axis, depth in zip(axes, depths, strict=True):
        own = [trial for trial in trials if trial.depth == depth]
        widths = [trial.width for trial in own]
        axis.plot(widths, [trial.train for trial in own], color=BLUE, marker="o", label="training sales")
        axis.plot(
            widths,
            [trial.validation for trial in own],
            color=ORANGE,
            linestyle="--",
            marker="s",
            label="unseen sales",
        )
        axis.set_xscale("log", base=2)
        axis.set_xticks(widths, [str(width) for width in widths])
        axis.set(title=f"{depth} hidden layer{'s' if depth > 1 else ''}", xlabel="neurons per layer")
    axes[0].set_ylabel("RMSE of the log price")
    axes[0].legend()
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path)
    plt.close(figure)
