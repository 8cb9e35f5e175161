"""The networks are the article's, and their initial values, too. test_run.py compares what they compute with NumPy."""
import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import autoencoder_recon
import encoder_2d

ARTICLE = {
    autoencoder_recon: dict(learning_rate=0.01, training_epochs=10, batch_size=256, display_step=1, examples_to_show=10,
                            n_input=784, n_hidden_1=256, n_hidden_2=128),
    encoder_2d: dict(learning_rate=0.01, training_epochs=10, batch_size=256, display_step=1,
                     n_input=784, n_hidden_1=128, n_hidden_2=64, n_hidden_3=10, n_hidden_4=2),
}


def test_parameters_are_the_articles(script):
    here = {name: value for name, value in vars(script).items() if name in ARTICLE[script] or name.startswith("n_")}
    assert here == ARTICLE[script], f"{script.__name__}.py no longer has the article's network and training"


def initial_values(script, **kwargs):
    with tf.Graph().as_default(), tf.Session() as sess:
        script.build_network(0.01, **kwargs)
        sess.run(tf.global_variables_initializer())
        return sess.run({v.op.name: v for v in tf.trainable_variables()})


@pytest.mark.parametrize("initializer", ["normal", "xavier"])
def test_initial_values(script, initializer):
    """The article's have a standard deviation of 1; in encoder_2d.py, weights are cut off at 2. Those of xavier are
    uniform within 4 sqrt(6 / (inputs + units)), as Theano's tutorials advise for the sigmoid, and its biases are 0."""
    values = initial_values(script, seed=3, initializer=initializer)
    biases = np.concatenate([value for name, value in values.items() if name.startswith("biases/")])
    if initializer == "xavier":
        assert not biases.any()
    else:
        assert biases.std() == pytest.approx(1, rel=0.1) and abs(biases).max() > 2
    for weights in (value for name, value in values.items() if name.startswith("weights/")):
        if initializer == "xavier":
            limit = 4 * math.sqrt(6 / sum(weights.shape))
            deviation = limit / math.sqrt(3)
            assert limit * (1 - 10 / weights.size) < abs(weights).max() <= limit * (1 + 1e-6)
        else:
            deviation = 0.8796 if script is encoder_2d else 1
            assert (abs(weights).max() <= 2) == (script is encoder_2d)
        assert weights.std() == pytest.approx(deviation, rel=3 / math.sqrt(weights.size))
        assert abs(weights.mean()) < 5 * deviation / math.sqrt(weights.size)


def test_another_initializer_is_refused(script):
    with tf.Graph().as_default(), pytest.raises(ValueError, match="initializer is 'Xavier ', not 'normal' or 'xavier'"):
        script.build_network(0.01, initializer="Xavier ")


@pytest.mark.parametrize("script, first, last", [
    (autoencoder_recon, [0.123919, 2.798774, -1.796173], [-0.235958, -0.045185]),
    (encoder_2d, [0.123919, -1.796173, 0.310760], [-0.849235, 0.676801]),
], indirect=["script"])
def test_a_seed_gives_the_weights_that_it_always_gave(script, first, last):
    """They change if random numbers are drawn before them or in another order: no run could be repeated any more."""
    values, other = initial_values(script, seed=0), initial_values(script, seed=1)
    assert values["weights/encoder_h1"][0, :3] == pytest.approx(first, abs=1e-5)
    assert values["biases/decoder_b2"][:2] == pytest.approx(last, abs=1e-5)
    assert all((values[name] != other[name]).mean() > 0.99 for name in values)
