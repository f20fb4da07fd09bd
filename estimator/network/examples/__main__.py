"""Run every example, print what it shows, and draw it: ``python -m estimator.network.examples OUT_DIR``."""

import argparse
import sys
from pathlib import Path

import numpy as np

from estimator.network.examples import by_hand, chain, circles, curves, drawing, house, perceptron

SEED = 0
COUNTY = Path("data/king_county")


def main(arguments: list[str] | None = None) -> None:
    """Write all pictures into the folder that is named, and the figures to the screen."""
    parser = argparse.ArgumentParser(prog="python -m estimator.network.examples", description=__doc__)
    parser.add_argument("out", metavar="OUT_DIR", type=Path, help="where the pictures go")
    parser.add_argument("--sales", type=Path, default=COUNTY, help="King County's folder (%(default)s)")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    tell_perceptron()
    tell_by_hand()
    show_curves(options.out)
    show_chain(options.out)
    show_circles(options.out)
    show_house(options.out, options.sales)


def tell_perceptron() -> None:
    """The truth tables."""
    say("Perceptron: answers to 00, 01, 10, 11")
    for task, answers in perceptron.answers(SEED).items():
        say(f"  {task:16} {' '.join(map(str, answers))}")


def tell_by_hand() -> None:
    """How far the library is from pencil and paper."""
    hand, library = by_hand.by_hand(), by_hand.by_the_library()
    gap = max(np.abs(hand.first - library.first).max(), np.abs(hand.second - library.second).max())
    say(f"2-3-1 network: loss {hand.loss:.6f}; gradients by hand and by the library differ by {gap:.1e} at most")


def show_curves(out: Path) -> None:
    """Activations, and descent."""
    drawing.draw_activations(curves.activation_curves(), out / "activations.png")
    paths = {name: (rate, curves.descent(rate)) for name, rate in curves.RATES.items()}
    drawing.draw_descent(paths, out / "descent.png")


def show_chain(out: Path) -> None:
    """Vanishing and dying gradients."""
    gradients = chain.first_gradients(np.random.default_rng(SEED))
    say("Chain of one-neuron layers: first weight's gradient")
    for g in gradients:
        say(
            f"  {g.activation:10} {g.length:3} layers: median {g.median:.1e}, exactly 0 in {g.dead:4.0%} of chains"
        )
    losses = {name: chain.losses_from_a_dead_start(chain.ACTIVATIONS[name]) for name in ("ReLU", "leaky ReLU")}
    drawing.draw_chain(gradients, losses, out / "chain.png")


def show_circles(out: Path) -> None:
    """The classifier's learning."""
    runs = [circles.learn(seed) for seed in range(5)]
    final = [float(run.accuracy[-1]) for run in runs]
    shares = ", ".join(f"{share:.2%}" for share in final)
    say(f"Circles: unseen points right, five seeds: {shares}; median {np.median(final):.2%}")
    drawing.draw_learning(runs[0], out / "circles.png")
    points, inner = circles.circles(np.random.default_rng(SEED), 200)
    drawing.animate_surface(runs[0], points, inner, out / "circles.gif")


def show_house(out: Path, sales: Path) -> None:
    """Depth and width, tried out."""
    trials = house.try_out(*house.king_county(sales), np.random.default_rng(SEED))
    say(f"House network, King County, 1,000 sales learnt from\n{house.table(trials)}")
    drawing.draw_house(trials, out / "house.png")


def say(text: str) -> None:
    """Print a line at once: the examples take a minute together."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
