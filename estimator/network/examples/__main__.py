"""Run all examples, print their results and draw them: ``python -m estimator.network.examples OUT_DIR``."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from estimator.network.examples import by_hand, chain, circles, curves, drawing, house, perceptron

SEED = 0
CIRCLES_SEEDS = range(5)
KING_COUNTY = Path("data/king_county")


def main(arguments: list[str] | None = None) -> None:
    """Run the examples one after another; write the pictures into the given folder."""
    description = "Run the textbook examples and draw their results."
    parser = argparse.ArgumentParser(prog="python -m estimator.network.examples", description=description)
    parser.add_argument("out", metavar="OUT_DIR", type=Path, help="folder for the pictures; created if missing")
    parser.add_argument(
        "--sales", type=Path, default=KING_COUNTY, help="folder with King County's sales (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    examples: dict[str, Callable[[], str]] = {
        "Perceptron: answers to 00, 01, 10, 11": show_perceptron,
        "2-3-1 network: gradients by hand": show_by_hand,
        "Activation functions and gradient descent": lambda: show_curves(options.out),
        "Chain of one-neuron layers: gradient of the first weight": lambda: show_chain(options.out),
        "Circles: a five-layer classifier": lambda: show_circles(options.out),
        "House network: depth and width": lambda: show_house(options.out, options.sales),
    }
    # With small matrices a second BLAS thread slows training down.
    # See benchmarks/DECISIONS.md, "One BLAS thread for the examples".
    with threadpool_limits(1, user_api="blas"):
        for number, (title, run) in enumerate(examples.items(), 1):
            show(f"[{number}/{len(examples)}] {title}")
            started = time.perf_counter()
            result = run()
            show(f"  → {result} ({time.perf_counter() - started:.1f} s)")
    show(f"Pictures are in {options.out}")


def show_perceptron() -> str:
    """Print the truth tables that the networks learned."""
    answers = perceptron.answers(SEED)
    for task, bits in answers.items():
        show(f"  {task:16} {' '.join(map(str, bits))}")
    return "one neuron learns AND and OR; XOR takes two layers"


def show_by_hand() -> str:
    """Compare the library's gradients with those derived by hand."""
    hand, library = by_hand.by_hand(), by_hand.by_the_library()
    difference = max(np.abs(hand.first - library.first).max(), np.abs(hand.second - library.second).max())
    return f"loss {hand.loss:.6f}; the library's gradients differ from those by hand by {difference:.1e} at most"


def show_curves(out: Path) -> str:
    """Draw the activation functions, and gradient descent with three learning rates."""
    drawing.draw_activations(curves.activation_curves(), out / "activations.png")
    paths = {name: (rate, curves.descent(rate)) for name, rate in curves.RATES.items()}
    drawing.draw_descent(paths, out / "descent.png")
    losses = ", ".join(f"{curves.valley(points[-1]):.2g} (η = {rate:g})" for rate, points in paths.values())
    return f"loss after descent from {curves.valley(curves.START):.2g}: {losses}"


def show_chain(out: Path) -> str:
    """Print and draw vanishing gradients, and what a dead neuron and a leaky one learn."""
    gradients = chain.first_gradients(np.random.default_rng(SEED))
    for g in gradients:
        show(f"  {g.activation:10} {g.length:3} layers: median {g.median:.1e}, 0 in {g.dead:4.0%} of the chains")
    losses = {name: chain.losses_from_a_dead_start(chain.ACTIVATIONS[name]) for name in ("ReLU", "leaky ReLU")}
    drawing.draw_chain(gradients, losses, out / "chain.png")
    return "sigmoid gradients vanish, ReLU gradients become 0, leaky ReLU gradients stay above 0"


def show_circles(out: Path) -> str:
    """Train the classifier with several seeds; draw the first run."""
    runs = []
    for seed in CIRCLES_SEEDS:
        runs.append(circles.train_classifier(seed))
        show(f"  seed {seed}: {runs[-1].accuracy[-1]:.2%} of unseen points classified correctly")
    drawing.draw_learning(runs[0], out / "circles.png")
    points, inner = circles.circles(np.random.default_rng(SEED), 200)
    drawing.animate_surface(runs[0], points, inner, out / "circles.gif")
    return f"median accuracy {np.median([run.accuracy[-1] for run in runs]):.2%}"


def show_house(out: Path, sales: Path) -> str:
    """Train networks of several depths and widths on King County's sales."""
    show(house.TABLE_HEAD)
    trials = []
    for trial in house.compare_sizes(*house.king_county(sales), np.random.default_rng(SEED)):
        show(trial.table_row())
        trials.append(trial)
    drawing.draw_house(trials, out / "house.png")
    best = min(trials, key=lambda trial: trial.validation)
    return f"lowest error on unseen sales: {best.validation:.3f} with {best.depth} × {best.width} neurons"


def show(text: str) -> None:
    """Print a line at once, so that it also appears immediately in a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
