"""The networks in NumPy, by their variables' names and in float64: what the scripts' graphs are compared with."""
import numpy as np


def layers(script):
    """Return the script's layers from X to y_pred, each as the names of weights and biases, inputs, units, sigmoid?"""
    n_hidden = [value for name, value in sorted(vars(script).items()) if name.startswith("n_hidden_")]
    units = [script.n_input, *n_hidden, *n_hidden[-2::-1], script.n_input]
    names = [f"{part}_{{}}{k + 1}" for part in ("encoder", "decoder") for k in range(len(n_hidden))]
    linear = f"encoder_{{}}{len(n_hidden)}" if script.__name__ == "encoder_2d" else None
    return [(f"weights/{name.format('h')}", f"biases/{name.format('b')}", inputs, outputs, name != linear)
            for name, inputs, outputs in zip(names, units, units[1:])]


def forward(script, values, x):
    """Return the activations of all layers, x first."""
    activations = [x.astype(np.float64)]
    for weight, bias, _, _, sigmoid in layers(script):
        z = activations[-1] @ values[weight].astype(np.float64) + values[bias]
        activations.append(1 / (1 + np.exp(-z)) if sigmoid else z)
    return activations


def gradients(script, values, x):
    """Return the gradient of mean((x - y_pred)**2) by each variable, by backpropagation."""
    activations = forward(script, values, x)
    result = {}
    d = 2 * (activations[-1] - x) / x.size
    for layer, (weight, bias, _, _, sigmoid) in reversed(list(enumerate(layers(script)))):
        a = activations[layer + 1]
        if sigmoid:
            d = d * a * (1 - a)
        result[weight], result[bias] = activations[layer].T @ d, d.sum(axis=0)
        d = d @ values[weight].T
    return result


def adam(values, moments, step, gradient, learning_rate):
    """Change values and moments by one step of Adam (Kingma & Ba 2015, the form before section 2.1)."""
    rate = learning_rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    for name, g in gradient.items():
        m, v = moments[name] = (0.9 * moments[name][0] + 0.1 * g, 0.999 * moments[name][1] + 0.001 * g**2)
        values[name] = values[name] - rate * m / (np.sqrt(v) + 1e-8)
