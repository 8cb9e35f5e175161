"""The networks in NumPy, in float64: what the graphs are compared with."""
import numpy as np

import encoder_2d


def codes_and_reconstructions(script, values, x):
    """Return what encoder_op and y_pred should give for the images x, with the values of the variables, by name."""
    codes = run_layers(script, "encoder", values, x)
    return codes, run_layers(script, "decoder", values, codes)


def run_layers(script, half, values, x):
    """Return what a half of the network, "encoder" or "decoder", should make of x."""
    n_layers = 4 if script is encoder_2d else 2
    for k in range(1, n_layers + 1):
        x = x @ values[f"weights/{half}_h{k}"].astype(float) + values[f"biases/{half}_b{k}"]
        if (script, half, k) != (encoder_2d, "encoder", 4):  # That layer is linear.
            x = 1 / (1 + np.exp(-x))
    return x
