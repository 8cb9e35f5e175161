"""Trains the article's 784-256-128-256-784 autoencoder on MNIST and draws test digits over their reconstructions."""
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
examples_to_show = 10

n_input = 784  # pixels of an image, 28 x 28
n_hidden_1 = 256  # units of the first encoder layer
n_hidden_2 = 128  # units of the second encoder layer: the code


class Network(NamedTuple):
    """What a program runs and feeds in a graph made by build_network."""
    X: tf.Tensor  # float32 (n, 784): images in [0, 1]
    encoder_op: tf.Tensor  # float32 (n, 128): their codes, in [0, 1]
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
        "encoder_h1": tf.Variable(tf.random_normal([n_input, n_hidden_1]), name="encoder_h1"),
        "encoder_h2": tf.Variable(tf.random_normal([n_hidden_1, n_hidden_2]), name="encoder_h2"),
        "decoder_h1": tf.Variable(tf.random_normal([n_hidden_2, n_hidden_1]), name="decoder_h1"),
        "decoder_h2": tf.Variable(tf.random_normal([n_hidden_1, n_input]), name="decoder_h2"),
    }
    biases = {
        "encoder_b1": tf.Variable(tf.random_normal([n_hidden_1]), name="encoder_b1"),
        "encoder_b2": tf.Variable(tf.random_normal([n_hidden_2]), name="encoder_b2"),
        "decoder_b1": tf.Variable(tf.random_normal([n_hidden_1]), name="decoder_b1"),
        "decoder_b2": tf.Variable(tf.random_normal([n_input]), name="decoder_b2"),
    }

    def encoder(x):
        layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["encoder_h1"]), biases["encoder_b1"]))
        layer_2 = tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["encoder_h2"]), biases["encoder_b2"]))
        return layer_2

    def decoder(x):
        layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["decoder_h1"]), biases["decoder_b1"]))
        layer_2 = tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["decoder_h2"]), biases["decoder_b2"]))
        return layer_2

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


def draw(encode_decode, images):
    """Draw images over their reconstructions, both float (n, 784) in [0, 1], in bands of at most 20 columns."""
    columns = min(len(images), 20)
    bands = math.ceil(len(images) / columns)
    size = 1 if bands == 1 else 0.5  # inches of a digit
    f = plt.figure(figsize=(size * columns + 1.3, size * 2.2 * bands))
    for band, subfigure in enumerate(np.ravel(f.subfigures(bands, 1))):
        a = subfigure.subplots(2, columns, squeeze=False)
        for i, (image, result) in enumerate(zip(images[band * columns:][:columns], encode_decode[band * columns:])):
            a[0][i].imshow(np.reshape(image, (28, 28)), vmin=0, vmax=1)
            a[1][i].imshow(np.reshape(result, (28, 28)), vmin=0, vmax=1)
        subfigure.subplots_adjust(left=1.25 / f.get_figwidth(), right=0.99, bottom=0.05, top=0.95,
                                  wspace=0.05, hspace=0.05)
        for ax in a.flat:
            ax.set_axis_off()
        for ax, name in zip(a[:, 0], ["original", "reconstruction"]):
            ax.text(-0.1, 0.5, name, transform=ax.transAxes, ha="right", va="center")


def main(argv=None):
    parser = make_parser()
    parser.add_argument("--examples-to-show", metavar="N", type=number(int, 1), default=examples_to_show,
                        help="columns of the picture")
    args = parser.parse_args(argv)
    mnist = read_data(parser, args)
    if args.examples_to_show > mnist.test.num_examples:
        parser.error(f"argument --examples-to-show: {args.examples_to_show} is more than the "
                     f"{mnist.test.num_examples} test images")

    config = tf.ConfigProto()
    config.gpu_options.allow_growth = True  # take no more of a GPU than is used
    with tf.Graph().as_default(), tf.Session(config=config) as sess:
        network = build_network(args.learning_rate, args.seed)
        init = tf.global_variables_initializer()
        sess.run(init)
        run_training(sess, network, mnist, args)
        print("Test MSE: {:.6f}".format(sess.run(network.cost, feed_dict={network.X: mnist.test.images})), flush=True)

        images = mnist.test.images[:args.examples_to_show]
        encode_decode = sess.run(network.y_pred, feed_dict={network.X: images})
    draw(encode_decode, images)
    save_picture(args.output)


if __name__ == "__main__":
    main()
