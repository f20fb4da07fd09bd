"""Names for the types of arrays that facts, prices and dates are kept in."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
LabelArray = NDArray[np.str_]
BoolArray = NDArray[np.bool_]
DateArray = NDArray[np.datetime64]
