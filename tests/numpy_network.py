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


def forward(script, values, x):
    """Return what goes into the first layer, which is x, and what comes out of each layer."""
    outputs = [x.astype(np.float64)]
    for layer in layers(script):
        z = outputs[-1] @ values[layer.weights].astype(np.float64) + values[layer.biases]
        outputs.append(1 / (1 + np.exp(-z)) if layer.sigmoid else z)
    return outputs


def codes_and_reconstructions(script, values, x):
    """Return what encoder_op and y_pred should give for the images x."""
    outputs = forward(script, values, x)
    return outputs[len(outputs) // 2], outputs[-1]


def gradients(script, values, x):
    """Return the gradient of mean((x - y_pred)**2) by each variable, by backpropagation."""
    outputs = forward(script, values, x)
    result = {}
    d = 2 * (outputs[-1] - x) / x.size  # the gradient by what comes out of the layer
    for k, layer in reversed(list(enumerate(layers(script)))):
        if layer.sigmoid:
            d = d * outputs[k + 1] * (1 - outputs[k + 1])
        result[layer.weights] = outputs[k].T @ d
        result[layer.biases] = d.sum(axis=0)
        d = d @ values[layer.weights].T
    return result


def adam(values, moments, step, gradient, learning_rate):
    """Change values and moments by one step of Adam (Kingma & Ba 2015, the form before section 2.1)."""
    rate = learning_rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    for name, g in gradient.items():
        m, v = moments[name]
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        moments[name] = m, v
        values[name] = values[name] - rate * m / (np.sqrt(v) + 1e-8)
