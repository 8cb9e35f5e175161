"""Time an epoch of each script, with tf.square and with the article's tf.pow, in turn. Takes a minute on two cores."""
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autoencoder_recon  # before TensorFlow: hides most of its messages
import encoder_2d

import numpy as np
import tensorflow.compat.v1 as tf

from mnist_data import input_data


def time_epoch(network, sess, mnist):
    """Return the seconds of an epoch of the article's loop."""
    X, encoder_op, y_pred, cost, optimizer = network
    start = time.perf_counter()
    for i in range(mnist.train.num_examples // 256):
        batch_xs, batch_ys = mnist.train.next_batch(256)
        sess.run([optimizer, cost], feed_dict={X: batch_xs})
    return time.perf_counter() - start


def main(data_dir=Path(autoencoder_recon.__file__).parent / "mnist_data", rounds=10):
    """Print medians over the rounds. The round before them is not counted."""
    mnist = input_data.read_data_sets(data_dir)
    for script in (autoencoder_recon, encoder_2d):
        with tf.Graph().as_default(), tf.Session() as sess:
            own = X, encoder_op, y_pred, cost, optimizer = script.build_network(0.01)
            pow_cost = tf.reduce_mean(tf.pow(X - y_pred, 2))
            articles = X, encoder_op, y_pred, pow_cost, tf.train.AdamOptimizer(0.01).minimize(pow_cost)
            sess.run(tf.global_variables_initializer())
            times = [[time_epoch(network, sess, mnist) for network in (own, articles)] for _ in range(rounds + 1)]
        square, power = np.median(times[1:], axis=0)
        print(f"{script.__name__}.py: {square:.2f} s an epoch, with tf.pow {power:.2f} s", flush=True)


if __name__ == "__main__":
    main()
