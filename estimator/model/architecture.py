"""The layers of the networks: trained waves, hidden layers, and a sum that never falls with a monotone column.

Every number is an input twice: as it is, and as trained waves (Gorishniy et al. 2022), so that the price can rise
and fall within a mile. A network of several members is itself an ensemble, whose members share all but a few
vectors of their weights (TabM, Gorishniy et al. 2024).
"""

import itertools
from collections.abc import Sequence

from estimator.model.recipe import Recipe
from estimator.model.training_set import Inputs
from estimator.network import (
    Concat,
    Dense,
    Identity,
    Layer,
    MemberBias,
    MemberDense,
    MemberScale,
    MonotoneSum,
    Network,
    Periodic,
    ReLU,
    Sequential,
    lecun_normal,
)
from estimator.network.arrays import Array


def build_layers(inputs: Inputs, recipe: Recipe, *, members: int, width: int) -> list[Layer]:
    """Return the layers of a network whose output never falls when a monotone column rises.

    Parameters
    ----------
    recipe
        Gives the depth and the waves.
    members, width
        Of this network; with one member, the layers are plain ones.
    """
    context = inputs.n_columns - inputs.n_monotone
    waves = Periodic(inputs.n_numeric, recipe.waves, recipe.waves_width, recipe.waves_sigma)
    first: list[Layer] = []
    n_in = context
    if inputs.n_numeric:
        first = [Concat([(0, inputs.n_numeric, Sequential([waves, ReLU()])), (0, context, Identity())])]
        n_in += inputs.n_numeric * recipe.waves_width
    widths = (n_in, *[width] * recipe.depth, 1 + inputs.n_monotone)
    hidden = _plain_layers(widths) if members == 1 else _member_layers(members, widths)
    return [MonotoneSum(context, Sequential([*first, *hidden]))]


def _plain_layers(widths: Sequence[int]) -> list[Layer]:
    """Return dense layers of the given widths, from the input to the output."""
    layers: list[Layer] = []
    for n_in, n_out in itertools.pairwise(widths[:-1]):
        layers += [Dense(n_in, n_out), ReLU()]
    return [*layers, Dense(widths[-2], widths[-1], lecun_normal)]


def _member_layers(members: int, widths: Sequence[int]) -> list[Layer]:
    """Return layers of the given widths, from the input to the output, that members share."""
    layers: list[Layer] = [MemberScale(members, widths[0])]
    for n_in, n_out in itertools.pairwise(widths[:-1]):
        layers += [Dense(n_in, n_out, bias=None), MemberBias(members, n_out), ReLU()]
    return [*layers, MemberDense(members, widths[-2], widths[-1])]


def copy_first_member(source: Network, target: Network) -> None:
    """Give a network of one member the weights of another one's first member: both then value homes alike.

    Parameters
    ----------
    source, target
        Made of `build_layers`, with the same inputs, recipe and width, by any number of members and by one.
    """
    scale: Array | float = 1.0  # of the inputs of the layer that follows
    arrays = iter(target.parameters.values())
    for name, array in source.parameters.items():
        if name.endswith(".scale"):
            scale = array[0][:, None]
            continue
        own = next(arrays)
        own[...] = scale * (array if array.ndim == own.ndim else array[0])
        scale = 1.0
