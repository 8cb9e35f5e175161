"""The networks in NumPy, in float64, with the names of the scripts' variables: what the graphs are compared with."""
from typing import NamedTuple

import numpy as np


class Layer(NamedTuple):
    """A layer, with the names of its variables and its sizes."""
    weights: str
    biases: str
    inputs: int
    units: int
    sigmoid: bool  # False: the layer is linear


def layers(script):
    """Return the layers from X to y_pred, with the sizes that stand at the top of the script."""
    sizes = [script.n_input, script.n_hidden_1, script.n_hidden_2]
    if script.__name__ == "encoder_2d":
        sizes += [script.n_hidden_3, script.n_hidden_4]
    result = []
    for part, units in [("encoder", sizes), ("decoder", sizes[::-1])]:
        for k in range(1, len(sizes)):
            linear = script.__name__ == "encoder_2d" and part == "encoder" and k == len(sizes) - 1
            result.append(Layer(f"weights/{part}_h{k}", f"biases/{part}_b{k}", units[k - 1], units[k], not linear))
    return result


def outputs(layers, values, x):
    """Return x and what each of the layers makes of it, with the values of the variables."""
    result = [x.astype(np.float64)]
    for layer in layers:
        z = result[-1] @ values[layer.weights].astype(np.float64) + values[layer.biases]
        result.append(1 / (1 + np.exp(-z)) if layer.sigmoid else z)
    return result


def codes_and_reconstructions(script, values, x):
    """Return what encoder_op and y_pred should give for the images x."""
    result = outputs(layers(script), values, x)
    return result[len(result) // 2], result[-1]


def decoded(script, values, codes):
    """Return what y_pred should give for codes in place of encoder_op."""
    decoder = layers(script)
    return outputs(decoder[len(decoder) // 2:], values, codes)[-1]
