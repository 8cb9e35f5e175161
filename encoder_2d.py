"""Trains the article's 784-128-64-10-2 encoder on MNIST and draws the test set as points, coloured by digit."""
import argparse
import math
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

# Before the import: TensorFlow's C++ messages, which tell a reader nothing. Set the variable to see them.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import matplotlib.pyplot as plt
import numpy as np
import tensorflow.compat.v1 as tf

from mnist_data import input_data

learning_rate = 0.01
training_epochs = 10
batch_size = 256
display_step = 1

n_input = 784  # pixels of an image, 28 x 28
n_hidden_1 = 128  # units of the encoder's layers; the last makes the code
n_hidden_2 = 64
n_hidden_3 = 10
n_hidden_4 = 2


class Network(NamedTuple):
    """What a program runs and feeds in a graph made by build_network."""
    X: tf.Tensor  # float32 (n, 784): images in [0, 1]
    encoder_op: tf.Tensor  # float32 (n, 2): their codes, without bounds
    y_pred: tf.Tensor  # float32 (n, 784): their reconstructions, in [0, 1]
    cost: tf.Tensor  # float32 (): mean squared error per pixel
    optimizer: tf.Operation  # one training step


def build_network(learning_rate=learning_rate, seed=0):
    """Add the article's network to the default graph and return its Network.

    learning_rate: Adam's, above 0. seed: 0 to 2**31 - 2, chooses the initial weights and biases; they are
    variables named like their keys below. They repeat only in a graph that was empty before.
    """
    tf.set_random_seed(seed)

    X = tf.placeholder("float", [None, n_input], name="X")

    weights = {
        "encoder_h1": tf.Variable(tf.truncated_normal([n_input, n_hidden_1]), name="encoder_h1"),
        "encoder_h2": tf.Variable(tf.truncated_normal([n_hidden_1, n_hidden_2]), name="encoder_h2"),
        "encoder_h3": tf.Variable(tf.truncated_normal([n_hidden_2, n_hidden_3]), name="encoder_h3"),
        "encoder_h4": tf.Variable(tf.truncated_normal([n_hidden_3, n_hidden_4]), name="encoder_h4"),
        "decoder_h1": tf.Variable(tf.truncated_normal([n_hidden_4, n_hidden_3]), name="decoder_h1"),
        "decoder_h2": tf.Variable(tf.truncated_normal([n_hidden_3, n_hidden_2]), name="decoder_h2"),
        "decoder_h3": tf.Variable(tf.truncated_normal([n_hidden_2, n_hidden_1]), name="decoder_h3"),
        "decoder_h4": tf.Variable(tf.truncated_normal([n_hidden_1, n_input]), name="decoder_h4"),
    }
    biases = {
        "encoder_b1": tf.Variable(tf.random_normal([n_hidden_1]), name="encoder_b1"),
        "encoder_b2": tf.Variable(tf.random_normal([n_hidden_2]), name="encoder_b2"),
        "encoder_b3": tf.Variable(tf.random_normal([n_hidden_3]), name="encoder_b3"),
        "encoder_b4": tf.Variable(tf.random_normal([n_hidden_4]), name="encoder_b4"),
        "decoder_b1": tf.Variable(tf.random_normal([n_hidden_3]), name="decoder_b1"),
        "decoder_b2": tf.Variable(tf.random_normal([n_hidden_2]), name="decoder_b2"),
        "decoder_b3": tf.Variable(tf.random_normal([n_hidden_1]), name="decoder_b3"),
        "decoder_b4": tf.Variable(tf.random_normal([n_input]), name="decoder_b4"),
    }

    def encoder(x):
        layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["encoder_h1"]), biases["encoder_b1"]))
        layer_2 = tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["encoder_h2"]), biases["encoder_b2"]))
        layer_3 = tf.nn.sigmoid(tf.add(tf.matmul(layer_2, weights["encoder_h3"]), biases["encoder_b3"]))
        # No activation here, so that a code may lie anywhere in the plane.
        layer_4 = tf.add(tf.matmul(layer_3, weights["encoder_h4"]), biases["encoder_b4"])
        return layer_4

    def decoder(x):
        layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["decoder_h1"]), biases["decoder_b1"]))
        layer_2 = tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["decoder_h2"]), biases["decoder_b2"]))
        layer_3 = tf.nn.sigmoid(tf.add(tf.matmul(layer_2, weights["decoder_h3"]), biases["decoder_b3"]))
        layer_4 = tf.nn.sigmoid(tf.add(tf.matmul(layer_3, weights["decoder_h4"]), biases["decoder_b4"]))
        return layer_4

    encoder_op = encoder(X)
    decoder_op = decoder(encoder_op)

    y_pred = decoder_op
    y_true = X

    # Not tf.pow(..., 2): the same numbers, but the gradient of pow calls pow again on the whole batch.
    cost = tf.reduce_mean(tf.square(y_true - y_pred))
    optimizer = tf.train.AdamOptimizer(learning_rate).minimize(cost)
    return Network(X, encoder_op, y_pred, cost, optimizer)


def number(kind, low, high=math.inf):
    """Return an argparse type that takes a finite int or float (`kind`) from `low` to `high`."""
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (low <= value <= high and value < math.inf):
            name = "a whole number" if kind is int else "a number"
            limits = f"of at least {low}" if high == math.inf else f"from {low} to {high}"
            raise argparse.ArgumentTypeError(f"{text!r} is not {name} {limits}")
        return value
    return parse


def make_parser():
    """Return the parser of the flags that both scripts have."""
    parser = argparse.ArgumentParser(prog=Path(__file__).name, description=__doc__,
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    # One line, without argparse's usage before it.
    parser.error = lambda message: parser.exit(2, f"{parser.prog}: error: {message}".replace("\n", " ") + "\n")
    parser.add_argument("--data-dir", metavar="DIR", default=Path(__file__).resolve().parent / "mnist_data",
                        help="the four IDX files under MNIST's names, .gz or unpacked")
    parser.add_argument("--learning-rate", metavar="X", type=number(float, 1e-30, 1e30), default=learning_rate,
                        help="Adam's step size")
    parser.add_argument("--training-epochs", metavar="N", type=number(int, 0), default=training_epochs,
                        help="passes over the training set; 0 draws the untrained network")
    parser.add_argument("--batch-size", metavar="N", type=number(int, 1), default=batch_size,
                        help="images in a training step")
    parser.add_argument("--display-step", metavar="N", type=number(int, 1), default=display_step,
                        help="epochs from one printed cost to the next")
    parser.add_argument("--seed", metavar="N", type=number(int, 0, 2**31 - 2), default=0,
                        help="chooses the initial weights and the order of the batches")
    parser.add_argument("--output", metavar="FILE", type=Path, default=Path(__file__).stem + ".png",
                        help="the picture; the ending picks the format")
    return parser


def check_directory(parser, flag, directory):
    """End the program with status 2 unless a file can be made in the directory that `flag` names."""
    try:
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as err:
        parser.error(f"argument {flag}: {directory}: {err.strerror}")


def read_data(parser, args):
    """Return the data sets. Whatever can be known to be wrong before training ends the program here, status 2."""
    formats = plt.Figure().canvas.get_supported_filetypes()
    if args.output.suffix[1:].lower() not in formats:
        parser.error(f"argument --output: {args.output}: the ending must be one of .{' .'.join(sorted(formats))}")
    if args.output.is_dir():
        parser.error(f"argument --output: {args.output}: is a directory")
    check_directory(parser, "--output", args.output.parent)
    try:
        plt.switch_backend(plt.get_backend())
        mnist = input_data.read_data_sets(args.data_dir, one_hot=False, seed=args.seed)
    except ImportError as err:
        parser.error(f"Matplotlib's backend: {err}")
    except (OSError, ValueError) as err:
        parser.error(err)
    if args.batch_size > mnist.train.num_examples:
        parser.error(f"argument --batch-size: {args.batch_size} is more than the {mnist.train.num_examples} "
                     f"training images")
    return mnist


def run_training(sess, network, mnist, args):
    """Train as the article does, and print its lines."""
    X, optimizer, cost = network.X, network.optimizer, network.cost
    total_batch = int(mnist.train.num_examples / args.batch_size)
    for epoch in range(args.training_epochs):
        for i in range(total_batch):
            batch_xs, batch_ys = mnist.train.next_batch(args.batch_size)
            _, c = sess.run([optimizer, cost], feed_dict={X: batch_xs})
        if epoch % args.display_step == 0:
            print("Epoch:", "%04d" % (epoch + 1), "cost=", "{:.9f}".format(c), flush=True)
    print("Optimization Finished!", flush=True)


def save_picture(output):
    """Write the current figure to the Path `output`, whole or not at all, and show it where there is a window."""
    part = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        plt.savefig(part, format=output.suffix[1:].lower())
        os.replace(part, output)
    finally:
        part.unlink(missing_ok=True)
    print(f"Saved {output}", flush=True)
    if plt.gcf().canvas.required_interactive_framework:
        plt.show()


def draw(encoder_result, labels):
    """Draw codes, float (n, 2), as points in the colour of their labels, integers (n,) from 0 to 9."""
    plt.figure(figsize=(8, 6.5), layout="constrained")
    plt.scatter(encoder_result[:, 0], encoder_result[:, 1], c=labels,
                cmap="tab10", vmin=-0.5, vmax=9.5, s=3, linewidths=0)
    plt.colorbar(ticks=range(10), label="digit")
    plt.xlabel("encoder_result[:, 0]")
    plt.ylabel("encoder_result[:, 1]")


def main(argv=None):
    parser = make_parser()
    args = parser.parse_args(argv)
    mnist = read_data(parser, args)

    config = tf.ConfigProto()
    config.gpu_options.allow_growth = True  # take no more of a GPU than is used
    with tf.Graph().as_default(), tf.Session(config=config) as sess:
        network = build_network(args.learning_rate, args.seed)
        init = tf.global_variables_initializer()
        sess.run(init)
        run_training(sess, network, mnist, args)
        print("Test MSE: {:.6f}".format(sess.run(network.cost, feed_dict={network.X: mnist.test.images})), flush=True)

        encoder_result = sess.run(network.encoder_op, feed_dict={network.X: mnist.test.images})
    draw(encoder_result, mnist.test.labels)
    save_picture(args.output)


if __name__ == "__main__":
    main()
