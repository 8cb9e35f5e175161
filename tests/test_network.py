"""The graphs are the article's, and their mathematics agrees with an independent one in NumPy."""
import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import autoencoder_recon
import encoder_2d

# The units of all layers, X first, then the number of the layer (from 0) that has no sigmoid. All else follows from it.
ARTICLE = {
    autoencoder_recon: ([784, 256, 128, 256, 784], None),
    encoder_2d: ([784, 128, 64, 10, 2, 10, 64, 128, 784], 3),
}


def layer_names(script):
    """Yield the names of weights and biases with their layer's units before and after, from X to y_pred."""
    units, _ = ARTICLE[script]
    half = len(units) // 2
    for layer, (before, after) in enumerate(zip(units, units[1:])):
        part = "encoder" if layer < half else "decoder"
        yield f"weights/{part}_h{layer % half + 1}", f"biases/{part}_b{layer % half + 1}", before, after


@pytest.fixture
def session():
    with tf.Graph().as_default(), tf.Session() as sess:
        yield sess


def test_names_and_shapes(script, session):
    script.build_network()
    expected = {}
    for weight, bias, before, after in layer_names(script):
        expected[weight] = [before, after]
        expected[bias] = [after]
    assert {v.op.name: v.shape.as_list() for v in tf.trainable_variables()} == expected


def test_initial_values(script, session):
    script.build_network(seed=3)
    session.run(tf.global_variables_initializer())
    values = session.run({v.op.name: v for v in tf.trainable_variables()})
    # A normal distribution cut off at two standard deviations keeps this much of its own.
    cut = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))
    assert cut == pytest.approx(0.88, abs=0.001)
    for weight, bias, before, after in layer_names(script):
        if before * after > 10_000:
            assert values[weight].std() == pytest.approx(1 if script is autoencoder_recon else cut, rel=0.01)
            assert abs(values[weight].mean()) < 0.02
        assert (abs(values[weight]).max() <= 2) == (script is encoder_2d)
    all_biases = np.concatenate([values[bias] for _, bias, _, _ in layer_names(script)])
    assert all_biases.std() == pytest.approx(1, rel=0.1) and abs(all_biases).max() > 2


def test_xavier_initial_values(script, session):
    """Glorot & Bengio (2010): for the sigmoid, uniform within 4 sqrt(6 / (fan_in + fan_out)), biases 0."""
    script.build_network(init="xavier")
    session.run(tf.global_variables_initializer())
    values = session.run({v.op.name: v for v in tf.trainable_variables()})
    for weight, bias, before, after in layer_names(script):
        limit = 4 * math.sqrt(6 / (before + after))
        w, n = values[weight], before * after
        assert abs(w).max() <= limit * (1 + 1e-6) and abs(w).max() > limit * (1 - 10 / n)
        assert w.std() == pytest.approx(limit / math.sqrt(3), rel=3 / math.sqrt(n))
        assert (values[bias] == 0).all()


@pytest.mark.parametrize("init", ["normal", "xavier"])
def test_seed_chooses_initial_values(script, init):
    def initial(seed):
        with tf.Graph().as_default(), tf.Session() as sess:
            script.build_network(seed=seed, init=init)
            sess.run(tf.global_variables_initializer())
            return np.concatenate([np.ravel(v) for v in sess.run(tf.trainable_variables())])
    np.testing.assert_array_equal(initial(0), initial(0))
    assert (initial(0) != initial(1)).mean() > 0.97  # all but xavier's biases


def forward(script, values, x):
    """Return the activations of all layers, x first, in float64."""
    activations = [x]
    for layer, (weight, bias, _, _) in enumerate(layer_names(script)):
        z = activations[-1] @ values[weight] + values[bias]
        activations.append(z if layer == ARTICLE[script][1] else 1 / (1 + np.exp(-z)))
    return activations


def gradients(script, values, x):
    """Return the gradient of mean((x - y_pred)**2) by each variable, by backpropagation in float64."""
    activations = forward(script, values, x)
    result = {}
    d = 2 * (activations[-1] - x) / x.size
    for layer, (weight, bias, _, _) in reversed(list(enumerate(layer_names(script)))):
        a = activations[layer + 1]
        if layer != ARTICLE[script][1]:
            d = d * a * (1 - a)
        result[weight], result[bias] = activations[layer].T @ d, d.sum(axis=0)
        d = d @ values[weight].T
    return result


def adam(values, moments, step, gradient, learning_rate):
    """Change values and moments by one step of Adam (Kingma & Ba 2015, the form before section 2.1)."""
    rate = learning_rate * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    for name, g in gradient.items():
        m, v = moments[name] = (0.9 * moments[name][0] + 0.1 * g, 0.999 * moments[name][1] + 0.001 * g**2)
        values[name] = values[name] - rate * m / (np.sqrt(v) + 1e-8)


def test_mathematics(script, session, mnist):
    network = script.build_network(learning_rate=0.02)
    variables = {v.op.name: v for v in tf.trainable_variables()}
    gradient_ops = dict(zip(variables, tf.gradients(network.cost, list(variables.values()))))
    session.run(tf.global_variables_initializer())
    # A tenth of the initial values keeps the units out of saturation, where float32 has few digits to compare.
    for v in variables.values():
        session.run(v.assign(v * 0.1))
    values = {name: v.astype(np.float64) for name, v in session.run(variables).items()}
    moments = dict.fromkeys(values, (0.0, 0.0))

    for step in (1, 2):
        x = mnist.train.images[step * 100:][:32]
        activations = forward(script, values, x.astype(np.float64))
        expected = gradients(script, values, x.astype(np.float64))
        code, y_pred, cost, got = session.run([network.encoder_op, network.y_pred, network.cost, gradient_ops],
                                              feed_dict={network.X: x})
        # After a step of Adam, which divides by small gradients, their few digits show.
        tolerance = {1: 2e-5, 2: 1e-3}[step]
        np.testing.assert_allclose(code, activations[len(activations) // 2], rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(y_pred, activations[-1], rtol=tolerance, atol=tolerance)
        assert cost == pytest.approx(np.mean((x - activations[-1]) ** 2), rel=tolerance)
        for name in values:
            np.testing.assert_allclose(got[name], expected[name], rtol=10 * tolerance,
                                       atol=10 * tolerance * abs(expected[name]).max(), err_msg=name)

        session.run(network.optimizer, feed_dict={network.X: x})
        adam(values, moments, step, expected, 0.02)
        for name, value in session.run(variables).items():
            error = abs(value - values[name])
            # A gradient of about nothing may turn its sign in float32, and Adam's step with it: very few do.
            assert np.quantile(error, 0.99) < 1e-4 and error.max() <= 0.04 * step, name


def test_bottleneck_alone_is_linear(script, session, mnist):
    network = script.build_network()
    session.run(tf.global_variables_initializer())
    code, y_pred = session.run([network.encoder_op, network.y_pred], feed_dict={network.X: mnist.test.images[:100]})
    assert y_pred.min() >= 0 and y_pred.max() <= 1
    inside = code.min() >= 0 and code.max() <= 1
    assert inside == (script is autoencoder_recon)


def test_boxes_of_the_graph(script, session):
    """TensorBoard draws X, encoder, decoder, cost and training as connected boxes if there is nothing else beside them.

    A variable outside a name scope would be a lone box, and what touches many of those moves to the auxiliary nodes.
    """
    script.build_network()
    nodes = session.graph.as_graph_def().node
    assert {node.name.split("/")[0] for node in nodes} == {
        "X", "weights", "biases", "encoder", "decoder", "cost", "training"}


def test_cost_gives_the_articles_weights(script, mnist):
    """Twenty steps with the article's formula for the cost end in the same weights, to the last bit."""
    def weights_after_training(articles):
        with tf.Graph().as_default(), tf.Session() as sess:
            network = script.build_network()
            optimizer = network.optimizer
            if articles:
                cost = tf.reduce_mean(tf.pow(network.X - network.y_pred, 2))
                optimizer = tf.train.AdamOptimizer(script.learning_rate).minimize(cost)
            sess.run(tf.global_variables_initializer())
            for step in range(20):
                sess.run(optimizer, feed_dict={network.X: mnist.train.images[step * 256:][:256]})
            return sess.run({v.op.name: v for v in tf.trainable_variables()})
    own, articles = weights_after_training(False), weights_after_training(True)
    for name in own:
        np.testing.assert_array_equal(own[name], articles[name], err_msg=name)
