"""Times an epoch of each script and of the same with the article's tf.pow, in turn. Takes a minute on two cores."""
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autoencoder_recon  # before TensorFlow: hides most of its messages
import encoder_2d

import numpy as np
import tensorflow.compat.v1 as tf

from mnist_data import input_data


def prepare_epoch(script, mnist, formula=None):
    """Return a function that trains an epoch in the article's loop. formula: a cost instead of the script's own."""
    sess = tf.Session(graph=tf.Graph())
    with sess.graph.as_default():
        X, encoder_op, y_pred, cost, optimizer = script.build_network()
        if formula:
            cost = formula(X, y_pred)
            optimizer = tf.train.AdamOptimizer(script.learning_rate).minimize(cost)
        sess.run(tf.global_variables_initializer())

    def epoch():
        for i in range(int(mnist.train.num_examples / script.batch_size)):
            batch_xs, batch_ys = mnist.train.next_batch(script.batch_size)
            sess.run([optimizer, cost], feed_dict={X: batch_xs})
    return epoch


def main(data_dir=Path(autoencoder_recon.__file__).parent / "mnist_data", rounds=10):
    """Print medians over the rounds. The round before them is not counted."""
    mnist = input_data.read_data_sets(data_dir)
    for script in (autoencoder_recon, encoder_2d):
        formulas = [None, lambda x, y: tf.reduce_mean(tf.pow(x - y, 2))]
        ways = [prepare_epoch(script, mnist, formula) for formula in formulas]
        times = np.zeros((rounds + 1, 2))
        for i, j in np.ndindex(times.shape):
            start = time.perf_counter()
            ways[j]()
            times[i, j] = time.perf_counter() - start
        own, articles = np.median(times[1:], axis=0)
        print(f"{script.__name__}.py: {own:.2f} s an epoch, with tf.pow {articles:.2f} s, "
              f"ratio {np.median(times[1:, 0] / times[1:, 1]):.2f}", flush=True)


if __name__ == "__main__":
    main()
