"""The textbook's networks, each a short program: read them in this order.

``perceptron`` (AND, OR, and why XOR needs a second layer), ``by_hand`` (the 2-3-1 network's gradients, derived
with pencil and paper), ``curves`` (activations; walking downhill), ``chain`` (why deep networks forget how to
learn), ``circles`` (a five-layer classifier), ``house`` (a home's price from four facts, and how deep and wide
a network should be).

``python -m estimator.network.examples OUT_DIR`` runs them all and draws what they show. What an example
computes needs NumPy alone; drawing needs the group ``examples``.
"""
