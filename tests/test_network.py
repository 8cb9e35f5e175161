"""The graphs are the article's, and their mathematics agrees with an independent one in NumPy."""
import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from numpy_network import adam, forward, gradients, layers

import autoencoder_recon
import encoder_2d


def variables():
    return {v.op.name: v for v in tf.trainable_variables()}


def initial_values(script, **kwargs):
    with tf.Graph().as_default(), tf.Session() as sess:
        script.build_network(**kwargs)
        sess.run(tf.global_variables_initializer())
        return sess.run(variables())


def test_initial_values(script):
    values, others = (initial_values(script, seed=seed) for seed in (3, 4))
    # A normal distribution cut off at two standard deviations keeps this much of its own.
    cut = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))
    for weight, _, before, after, _ in layers(script):
        if before * after > 10_000:
            assert values[weight].std() == pytest.approx(1 if script is autoencoder_recon else cut, rel=0.01)
            assert abs(values[weight].mean()) < 0.02
        assert (abs(values[weight]).max() <= 2) == (script is encoder_2d)
        assert (values[weight] != others[weight]).mean() > 0.99
    biases = np.concatenate([values[bias] for _, bias, _, _, _ in layers(script)])
    assert biases.std() == pytest.approx(1, rel=0.1) and abs(biases).max() > 2


def test_xavier_initial_values(script):
    """Weights are within 4 sqrt(6 / (inputs + units)), as Theano's tutorials advise for the sigmoid. Biases are 0."""
    values, others = (initial_values(script, seed=seed, initializer="xavier") for seed in (3, 4))
    for weight, bias, before, after, _ in layers(script):
        limit = 4 * math.sqrt(6 / (before + after))
        w, n = values[weight], before * after
        assert (w != others[weight]).mean() > 0.99
        assert abs(w).max() <= limit * (1 + 1e-6) and abs(w).max() > limit * (1 - 10 / n)
        assert w.std() == pytest.approx(limit / math.sqrt(3), rel=3 / math.sqrt(n))
        assert (values[bias] == 0).all()
    with pytest.raises(ValueError, match="'x'.*'normal'.*'xavier'"):
        initial_values(script, initializer="x")


def test_mathematics(script, mnist):
    with tf.Graph().as_default(), tf.Session() as session:
        X, encoder_op, y_pred, cost, optimizer = script.build_network(learning_rate=0.02)
        gradient_ops = dict(zip(variables(), tf.gradients(cost, list(variables().values()))))
        session.run(tf.global_variables_initializer())
        # A tenth of the initial values keeps the units out of saturation, where float32 has few digits to compare.
        for v in variables().values():
            session.run(v.assign(v * 0.1))
        values = {name: v.astype(np.float64) for name, v in session.run(variables()).items()}
        moments = dict.fromkeys(values, (0.0, 0.0))

        for step in (1, 2):
            x = mnist.train.images[step * 100:][:32]
            activations = forward(script, values, x)
            expected = gradients(script, values, x)
            got_codes, got_y_pred, got_cost, got = session.run([encoder_op, y_pred, cost, gradient_ops], {X: x})
            # After a step of Adam, which divides by small gradients, their few digits show.
            tolerance = {1: 2e-5, 2: 1e-3}[step]
            np.testing.assert_allclose(got_codes, activations[len(activations) // 2], rtol=tolerance, atol=tolerance)
            np.testing.assert_allclose(got_y_pred, activations[-1], rtol=tolerance, atol=tolerance)
            assert got_cost == pytest.approx(np.mean((x - activations[-1]) ** 2), rel=tolerance)
            for name in values:
                np.testing.assert_allclose(got[name], expected[name], rtol=10 * tolerance,
                                           atol=10 * tolerance * abs(expected[name]).max(), err_msg=name)

            session.run(optimizer, feed_dict={X: x})
            adam(values, moments, step, expected, 0.02)
            for name, value in session.run(variables()).items():
                error = abs(value - values[name])
                # A gradient of about nothing may turn its sign in float32, and Adam's step with it: very few do.
                assert np.quantile(error, 0.99) < 1e-4 and error.max() <= 0.04 * step, name
