"""Textbook examples, each a short program.

Suggested order:

``perceptron`` (AND, OR, and why XOR needs a second layer), ``by_hand`` (the gradients of a 2-3-1 network, derived
by hand), ``curves`` (activation functions; gradient descent), ``chain`` (vanishing gradients and dead neurons),
``circles`` (a five-layer classifier), ``house`` (a house's price from four facts; underfitting and overfitting).

``python -m estimator.network.examples OUT_DIR`` runs all of them and draws the results. The computations need
NumPy only; drawing needs the group ``examples``.
"""
