"""Trains the article's 784-128-64-10-2 encoder on MNIST and draws the test set as points, coloured by digit."""
import argparse
import contextlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

# Before the import: TensorFlow's C++ messages, which tell a reader nothing. Set the variable to see them.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

try:
    import matplotlib.pyplot as plt
    import numpy as np
    import tensorflow.compat.v1 as tf

    from mnist_data import input_data
except KeyboardInterrupt:  # no traceback through all of TensorFlow, which takes seconds to import
    print(f"{Path(__file__).name}: interrupted", file=sys.stderr)
    sys.exit(130)

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


def build_network(learning_rate=learning_rate, seed=0, init="normal"):
    """Add the article's network to the default graph and return its Network.

    learning_rate: Adam's, above 0. seed: 0 to 2**31 - 2, chooses the initial weights and biases, which are
    variables named like their keys below; it repeats them only in a graph that was empty before.
    init: "normal", the article's, or "xavier", the rule of Glorot & Bengio (2010) for sigmoid units.
    """
    tf.set_random_seed(seed)

    X = tf.placeholder("float", [None, n_input], name="X")

    initial_weight, initial_bias = {
        "normal": (tf.truncated_normal, tf.random_normal),
        "xavier": (tf.variance_scaling_initializer(16, "fan_avg", "uniform"), tf.zeros),  # +-4 sqrt(6 / (in + out))
    }[init]
    weights = {
        "encoder_h1": tf.Variable(initial_weight([n_input, n_hidden_1]), name="encoder_h1"),
        "encoder_h2": tf.Variable(initial_weight([n_hidden_1, n_hidden_2]), name="encoder_h2"),
        "encoder_h3": tf.Variable(initial_weight([n_hidden_2, n_hidden_3]), name="encoder_h3"),
        "encoder_h4": tf.Variable(initial_weight([n_hidden_3, n_hidden_4]), name="encoder_h4"),
        "decoder_h1": tf.Variable(initial_weight([n_hidden_4, n_hidden_3]), name="decoder_h1"),
        "decoder_h2": tf.Variable(initial_weight([n_hidden_3, n_hidden_2]), name="decoder_h2"),
        "decoder_h3": tf.Variable(initial_weight([n_hidden_2, n_hidden_1]), name="decoder_h3"),
        "decoder_h4": tf.Variable(initial_weight([n_hidden_1, n_input]), name="decoder_h4"),
    }
    biases = {
        "encoder_b1": tf.Variable(initial_bias([n_hidden_1]), name="encoder_b1"),
        "encoder_b2": tf.Variable(initial_bias([n_hidden_2]), name="encoder_b2"),
        "encoder_b3": tf.Variable(initial_bias([n_hidden_3]), name="encoder_b3"),
        "encoder_b4": tf.Variable(initial_bias([n_hidden_4]), name="encoder_b4"),
        "decoder_b1": tf.Variable(initial_bias([n_hidden_3]), name="decoder_b1"),
        "decoder_b2": tf.Variable(initial_bias([n_hidden_2]), name="decoder_b2"),
        "decoder_b3": tf.Variable(initial_bias([n_hidden_1]), name="decoder_b3"),
        "decoder_b4": tf.Variable(initial_bias([n_input]), name="decoder_b4"),
    }

    def encoder(x):
        with tf.name_scope("encoder"):
            layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["encoder_h1"]), biases["encoder_b1"]))
            layer_2 = tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["encoder_h2"]), biases["encoder_b2"]))
            layer_3 = tf.nn.sigmoid(tf.add(tf.matmul(layer_2, weights["encoder_h3"]), biases["encoder_b3"]))
            # No activation here, so that a code may lie anywhere in the plane.
            layer_4 = tf.add(tf.matmul(layer_3, weights["encoder_h4"]), biases["encoder_b4"])
        return layer_4

    def decoder(x):
        with tf.name_scope("decoder"):
            layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["decoder_h1"]), biases["decoder_b1"]))
            layer_2 = tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["decoder_h2"]), biases["decoder_b2"]))
            layer_3 = tf.nn.sigmoid(tf.add(tf.matmul(layer_2, weights["decoder_h3"]), biases["decoder_b3"]))
            layer_4 = tf.nn.sigmoid(tf.add(tf.matmul(layer_3, weights["decoder_h4"]), biases["decoder_b4"]))
        return layer_4

    encoder_op = encoder(X)
    decoder_op = decoder(encoder_op)

    y_pred = decoder_op
    y_true = X

    with tf.name_scope("cost"):
        # tf.reduce_mean(tf.pow(y_true - y_pred, 2)), by way of half the sum of squares: its gradient is its argument,
        # where that of pow calls pow again, and that of the mean makes a 1/n for each pixel.
        cost = tf.nn.l2_loss(y_true - y_pred) * (2 / tf.cast(tf.size(X), tf.float32))
    with tf.name_scope("training"):
        optimizer = tf.train.AdamOptimizer(learning_rate).minimize(cost)
    return Network(X, encoder_op, y_pred, cost, optimizer)


def number(kind, low, high=10**9):
    """Return an argparse type that takes an int or a float (`kind`) from `low` to `high`."""
    def parse(text):
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not from {low} to {high}")
        return value
    parse.__name__ = kind.__name__  # for argparse's words about what is no number at all
    return parse


def make_parser():
    """Return the parser of the flags that both scripts have."""
    parser = argparse.ArgumentParser(prog=Path(__file__).name, description=__doc__,
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    # One line, without argparse's usage before it.
    parser.error = lambda message: parser.exit(2, f"{parser.prog}: error: {message}".replace("\n", " ") + "\n")
    flag = parser.add_argument
    flag("--data-dir", metavar="DIR", default=Path(__file__).resolve().parent / "mnist_data",
         help="four IDX files under MNIST's names, .gz or unpacked")
    flag("--learning-rate", type=number(float, 1e-30, 1e38), default=learning_rate, help="Adam's step size")
    flag("--training-epochs", type=number(int, 0), default=training_epochs, help="counted from the start of training")
    flag("--batch-size", type=number(int, 1), default=batch_size, help="images in a training step")
    flag("--display-step", type=number(int, 1), default=display_step, help="epochs from one printed cost to the next")
    flag("--init", choices=["normal", "xavier"], default="normal", help="initial weights: the article's, or smaller")
    flag("--seed", type=number(int, 0, 2**31 - 2), default=0, help="of the initial weights and the batch order")
    flag("--output", metavar="FILE", type=Path, default=Path(__file__).stem + ".png",
         help="the picture; the ending picks the format")
    flag("--checkpoint-dir", metavar="DIR", type=Path, help="save after every epoch, and go on from what is there")
    flag("--log-dir", metavar="DIR", type=Path, help="write graph, cost and validation cost for TensorBoard")
    return parser


@contextlib.contextmanager
def endings(parser, args):
    """End the program with one line on stderr if the block is stopped: status 130 for Ctrl-C, 1 for a failure."""
    try:
        yield
    except KeyboardInterrupt:
        last = args.checkpoint_dir and tf.train.latest_checkpoint(args.checkpoint_dir)
        kept = f"the same command goes on from {last}" if last else "nothing is saved (see --checkpoint-dir)"
        parser.exit(130, f"{parser.prog}: interrupted; {kept}\n")
    except OSError as err:
        if not err.filename:
            sys.stdout = None  # it is stdout that failed; Python would flush it again at exit
        parser.exit(1, f"{parser.prog}: error: {err.filename or 'stdout'}: {err.strerror}\n")
    except (FloatingPointError, tf.errors.OpError) as err:
        # TensorFlow tells what happened in the line after the one that names the graph's node.
        why = re.sub(r"(?s).*\nNode: [^\n]*\n|\n.*", "", str(err))
        parser.exit(1, f"{parser.prog}: error: {why}\n")


def read_data(parser, args):
    """Return the data sets. Whatever is wrong with the data or the flags ends the program here, with status 2."""
    formats = set(plt.Figure().canvas.get_supported_filetypes()) - {"pgf"}  # which needs LaTeX
    if args.output.suffix[1:].lower() not in formats or args.output.is_dir():
        parser.error(f"argument --output: {args.output} is not the name of a .{', .'.join(sorted(formats))} file")
    try:
        plt.switch_backend(plt.get_backend())
        mnist = input_data.read_data_sets(args.data_dir, one_hot=False, seed=args.seed)
    except ImportError as err:
        parser.error(f"Matplotlib's backend: {err}")
    except (OSError, ValueError) as err:
        parser.error(err)
    for flag, value, n in [("--batch-size", args.batch_size, mnist.train.num_examples),
                           ("--examples-to-show", getattr(args, "examples_to_show", 0), mnist.test.num_examples)]:
        if value > n:
            parser.error(f"argument {flag}: {value} is more than the {n} images there are")
    directories = {"--output": args.output.parent, "--checkpoint-dir": args.checkpoint_dir, "--log-dir": args.log_dir}
    for flag, directory in directories.items():
        try:
            if directory and flag != "--output":
                directory.mkdir(parents=True, exist_ok=True)
            if directory:
                tempfile.TemporaryFile(dir=directory).close()  # only a file that is made shows that one can be
        except OSError as err:
            parser.error(f"argument {flag}: {directory}: {err.strerror}")
    return mnist


def restore(parser, args, sess):
    """Return a function save(epochs) for the whole state, and how many epochs that in --checkpoint-dir is trained."""
    if not args.checkpoint_dir:
        return lambda epochs: None, 0
    tf.logging.set_verbosity(tf.logging.ERROR)  # the Saver warns of deprecated parts of its own
    now = f"--learning-rate {args.learning_rate} --batch-size {args.batch_size} --init {args.init} --seed {args.seed}"
    settings = tf.Variable(now, trainable=False, name="settings")
    sess.run(settings.initializer)
    saver = tf.train.Saver(max_to_keep=1, save_relative_paths=True)
    name = Path(__file__).stem

    def save(epochs):
        saver.save(sess, str(args.checkpoint_dir / name), epochs, write_meta_graph=False)

    last = args.checkpoint_dir / "checkpoint"
    if not last.exists() and not any(args.checkpoint_dir.glob(f"{name}-[1-9]*")):
        save(0)
        return save, 0
    try:
        last = tf.train.get_checkpoint_state(args.checkpoint_dir).model_checkpoint_path
        shapes = tf.train.load_checkpoint(last).get_variable_to_shape_map()
        if shapes != {v.op.name: v.shape.as_list() for v in tf.global_variables()}:
            parser.error(f"{last}: the checkpoint of another network")
        saver.restore(sess, last)
        epochs = int(last.rpartition("-")[2])
    except (AttributeError, tf.errors.OpError, ValueError):
        parser.error(f"{last}: missing, damaged or not whole")
    saver.recover_last_checkpoints([last])
    # A run that was killed in saving leaves a part of the next checkpoint, or the one before the last.
    for file in args.checkpoint_dir.glob(f"{name}-*"):
        if (file.stem != Path(last).name
                and re.fullmatch(name + r"-\d+\.(index|data-00000-of-00001)(\.tempstate\d+)?", file.name)):
            file.unlink()

    begun = sess.run(settings).decode()
    print(f"{parser.prog}: {'going on' if epochs < args.training_epochs else 'nothing left to train'} after epoch "
          f"{epochs}, {last}, begun with {begun}" + (f", now with {now}" if now != begun else ""), file=sys.stderr)
    return save, epochs


def run_training(sess, network, mnist, args, save, first_epoch):
    """Train as the article does, from the epoch `first_epoch` on (0: the beginning), and print its lines."""
    X, optimizer, cost = network.X, network.optimizer, network.cost
    total_batch = int(mnist.train.num_examples / args.batch_size)
    mnist.train.skip(first_epoch * total_batch * args.batch_size)
    if args.log_dir:
        writer = tf.summary.FileWriter(str(args.log_dir), sess.graph, filename_suffix=f".{first_epoch}")
        # TensorBoard drops what a killed run wrote of an epoch that is trained again.
        writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), first_epoch + 1)
    for epoch in range(first_epoch, args.training_epochs):
        for i in range(total_batch):
            batch_xs, batch_ys = mnist.train.next_batch(args.batch_size)
            _, c = sess.run([optimizer, cost], feed_dict={X: batch_xs})
        # c is from before the last update, and what that one did must be known before it is saved.
        if not np.isfinite(c + sess.run(cost, feed_dict={X: batch_xs})):
            raise FloatingPointError(f"--learning-rate {args.learning_rate}: cost not finite after epoch {epoch + 1}")
        if epoch % args.display_step == 0:
            print("Epoch:", "%04d" % (epoch + 1), "cost=", "{:.9f}".format(c), flush=True)
        if args.log_dir:
            values = {"cost": c, "validation_cost": sess.run(cost, feed_dict={X: mnist.validation.images})}
            for tag, value in values.items():
                writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag=tag, simple_value=value)]), epoch + 1)
            writer.flush()
        save(epoch + 1)
    print("Optimization Finished!", flush=True)


def save_picture(output):
    """Write the current figure to the Path `output`, whole or not at all, and show it where there is a window."""
    picture = io.BytesIO()
    part = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        plt.savefig(picture, format=output.suffix[1:].lower())
        part.write_bytes(picture.getvalue())
        part.replace(output)
    except (OSError, ValueError) as err:  # ValueError: more pixels than the format can hold
        part.unlink(missing_ok=True)
        raise OSError(None, getattr(err, "strerror", None) or str(err), str(output)) from err
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
    config = tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))  # no more of a GPU than is used
    with endings(parser, args), tf.Graph().as_default(), tf.Session(config=config) as sess:
        mnist = read_data(parser, args)
        network = build_network(args.learning_rate, args.seed, args.init)
        init = tf.global_variables_initializer()
        sess.run(init)
        save, first_epoch = restore(parser, args, sess)
        run_training(sess, network, mnist, args, save, first_epoch)
        print("Test MSE: {:.6f}".format(sess.run(network.cost, feed_dict={network.X: mnist.test.images})), flush=True)
        encoder_result = sess.run(network.encoder_op, feed_dict={network.X: mnist.test.images})
        draw(encoder_result, mnist.test.labels)
        save_picture(args.output)


if __name__ == "__main__":
    main()
