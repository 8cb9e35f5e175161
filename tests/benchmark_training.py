"""Times one epoch of real MNIST: the scripts' training step beside what a reader would write otherwise.

In each round every way trains one epoch, one after the other in the same process, after a first round that isn't
counted. A ratio is the median over the rounds of the script's time by the other's. Takes two minutes on two cores.
"""
import argparse
import os
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autoencoder_recon  # before TensorFlow: hides most of its messages
import encoder_2d

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf
from numpy_network import layers

from mnist_data import input_data


def session_epoch(script, mnist, formula=None):
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
            _, c = sess.run([optimizer, cost], feed_dict={X: batch_xs})
    return epoch


def keras_epoch(script, mnist, jit_compile):
    """Return a function that trains an epoch with Keras: the same layers, optimizer and steps."""
    model = tf2.keras.Sequential([tf2.keras.Input((script.n_input,))] + [
        tf2.keras.layers.Dense(units, activation="sigmoid" if sigmoid else None)
        for _, _, _, units, sigmoid in layers(script)])
    model.compile(optimizer=tf2.keras.optimizers.Adam(script.learning_rate), loss="mse", jit_compile=jit_compile)
    images = mnist.train.images[:len(mnist.train.images) // script.batch_size * script.batch_size]
    return lambda: model.fit(images, images, batch_size=script.batch_size, verbose=0)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data-dir", default=Path(autoencoder_recon.__file__).parent / "mnist_data")
    args = parser.parse_args(argv)
    mnist = input_data.read_data_sets(args.data_dir)
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, TensorFlow {tf.__version__}, "
          f"NumPy {np.__version__}, {args.rounds} rounds")
    print("| one epoch of | by | median | shortest to longest | script ÷ this |\n|---|---|---|---|---|")
    for script in (autoencoder_recon, encoder_2d):
        ways = {
            "the script's step": session_epoch(script, mnist),
            "the article's, with tf.pow": session_epoch(script, mnist, lambda x, y: tf.reduce_mean(tf.pow(x - y, 2))),
            "Keras' fit": keras_epoch(script, mnist, jit_compile=False),
            "Keras' fit, jit_compile": keras_epoch(script, mnist, jit_compile=True),
        }
        times = {way: [] for way in ways}
        for _ in range(1 + args.rounds):
            for way, epoch in ways.items():
                time.sleep(0.1)  # the threads of the way before go on looking for work for a while
                start = time.perf_counter()
                epoch()
                times[way].append(time.perf_counter() - start)
        for way, values in times.items():
            ratio = np.median(np.divide(times["the script's step"], values)[1:])
            print(f"| `{script.__name__}.py` | {way} | {np.median(values[1:]):.2f} s | {min(values[1:]):.2f} to "
                  f"{max(values[1:]):.2f} s | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
