"""A small neural-network library in NumPy, for training and for learning how networks work.

It is independent of house prices. README.md lists the modules. Each backward pass follows its forward pass in the
code, and its docstring derives the gradient.

Examples
--------
>>> rng = np.random.default_rng(0)
>>> network = Network([Dense(4, 64), ReLU(), Dense(64, 1)], rng=rng)
>>> plan = Plan(epochs=100, schedule=cosine, patience=10)
>>> batches = Batches(x, y, size=256)
>>> train(network, batches, loss=RMSE(), optimiser=AdamW(), rng=rng, plan=plan, validation=(x_val, y_val))
>>> network.predict(x_new)
"""

from estimator.network.activations import (
    Activation,
    Identity,
    LeakyReLU,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
)
from estimator.network.averaging import ExponentialAverage
from estimator.network.batches import Batches, BlockBatches, Source, Stream
from estimator.network.concat import Concat
from estimator.network.dense import Dense
from estimator.network.dropout import Dropout
from estimator.network.embeddings import Periodic, PiecewiseLinear, quantile_edges
from estimator.network.ensemble import MemberBias, MemberDense, MemberScale, batch_ensemble_dense
from estimator.network.initialisers import he_normal, lecun_normal, ones, random_signs, xavier_uniform, zeros
from estimator.network.layer import Layer
from estimator.network.losses import MSE, RMSE, BinaryCrossEntropy, CovariancePenalty, HuberRMSE, Loss, Pinball
from estimator.network.monotone import MonotoneSum
from estimator.network.network import Network, Sequential
from estimator.network.optimisers import Adam, AdamW, GradientDescent, Momentum, Optimiser, clip_global_norm
from estimator.network.parameters import Parameters
from estimator.network.row_stable import matmul_row_stable
from estimator.network.schedules import constant, cosine, coslog4, warm_up
from estimator.network.stacked import StackedNetworks
from estimator.network.training import Epoch, History, NonFiniteLossError, Plan, StopTraining, train

__all__ = [
    "MSE",
    "RMSE",
    "Activation",
    "Adam",
    "AdamW",
    "Batches",
    "BinaryCrossEntropy",
    "BlockBatches",
    "Concat",
    "CovariancePenalty",
    "Dense",
    "Dropout",
    "Epoch",
    "ExponentialAverage",
    "GradientDescent",
    "History",
    "HuberRMSE",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Loss",
    "MemberBias",
    "MemberDense",
    "MemberScale",
    "Mish",
    "Momentum",
    "MonotoneSum",
    "Network",
    "NonFiniteLossError",
    "Optimiser",
    "Parameters",
    "Periodic",
    "PiecewiseLinear",
    "Pinball",
    "Plan",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Source",
    "StackedNetworks",
    "StopTraining",
    "Stream",
    "Tanh",
    "batch_ensemble_dense",
    "clip_global_norm",
    "constant",
    "cosine",
    "coslog4",
    "he_normal",
    "lecun_normal",
    "matmul_row_stable",
    "ones",
    "quantile_edges",
    "random_signs",
    "train",
    "warm_up",
    "xavier_uniform",
    "zeros",
]
