"""Trains a 784-256-128 autoencoder on MNIST and draws test digits above their reconstructions.
The network and its training are Morvan Zhou's; see README.md, which says what "the article" is."""
import argparse
import contextlib
import gc
import os
import re
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # hides most of TensorFlow's log; 0 shows it
import tensorflow.compat.v1 as tf  # the article's TensorFlow 1, which TensorFlow 2 still contains
import numpy as np
import matplotlib.pyplot as plt
from mnist_data import input_data

# Training: each value is the default of the flag with the same name.
learning_rate = 0.01  # step size of the optimizer
training_epochs = 10
batch_size = 256  # images in a training step
display_step = 1  # the cost is printed every display_step epochs
examples_to_show = 10  # test images in the picture

# Sizes of the layers.
n_input = 784  # pixels of an image, 28 x 28
n_hidden_1 = 256  # units of the first encoder layer
n_hidden_2 = 128  # units of the second, whose output is the code


def build_network(learning_rate=learning_rate, seed=0, initializer="normal"):
    """Add the article's network to the default graph. Raises ValueError for a wrong initializer.

    learning_rate: above 0. seed: 0 to 2**31 - 2; in a new graph it decides the initial weights.
    initializer: "normal", the article's, or "xavier", which suits the sizes of the layers.
    Returns X, encoder_op, y_pred, cost and optimizer, the operation of one training step.
    X and y_pred are float32 (n, 784) in [0, 1]. encoder_op is float32 (n, 128) in [0, 1].
    """
    tf.set_random_seed(seed)
    X = tf.placeholder("float", [None, n_input], name="X")  # images; training needs no labels
    initial_weight, initial_bias = tf.random_normal, tf.random_normal
    if initializer == "xavier":
        # Uniform within ±sqrt(6 * scale / (inputs + units)). Xavier Glorot's rule has scale 1.
        # Scale 16 makes the limit 4 times as large, as Theano's tutorials advise for sigmoid units.
        initial_weight = tf.variance_scaling_initializer(
            scale=16, mode="fan_avg", distribution="uniform")
        initial_bias = tf.zeros
    elif initializer != "normal":
        raise ValueError(f"initializer is {initializer!r}, not 'normal' or 'xavier'")

    with tf.name_scope("weights"):  # a box in TensorBoard's picture of the graph
        weights = {  # a row for each input of a layer, a column for each of its units
            "encoder_h1": tf.Variable(initial_weight([n_input, n_hidden_1]), name="encoder_h1"),
            "encoder_h2": tf.Variable(initial_weight([n_hidden_1, n_hidden_2]), name="encoder_h2"),
            "decoder_h1": tf.Variable(initial_weight([n_hidden_2, n_hidden_1]), name="decoder_h1"),
            "decoder_h2": tf.Variable(initial_weight([n_hidden_1, n_input]), name="decoder_h2"),
        }
    with tf.name_scope("biases"):
        biases = {
            "encoder_b1": tf.Variable(initial_bias([n_hidden_1]), name="encoder_b1"),
            "encoder_b2": tf.Variable(initial_bias([n_hidden_2]), name="encoder_b2"),
            "decoder_b1": tf.Variable(initial_bias([n_hidden_1]), name="decoder_b1"),
            "decoder_b2": tf.Variable(initial_bias([n_input]), name="decoder_b2"),
        }

    sigmoid = tf.nn.sigmoid
    def encoder(x):  # each layer is xW + b, followed by a sigmoid
        layer_1 = sigmoid(tf.add(tf.matmul(x, weights["encoder_h1"]), biases["encoder_b1"]))
        layer_2 = sigmoid(tf.add(tf.matmul(layer_1, weights["encoder_h2"]), biases["encoder_b2"]))
        return layer_2

    def decoder(x):  # the encoder in reverse, from a code to an image
        layer_1 = sigmoid(tf.add(tf.matmul(x, weights["decoder_h1"]), biases["decoder_b1"]))
        layer_2 = sigmoid(tf.add(tf.matmul(layer_1, weights["decoder_h2"]), biases["decoder_b2"]))
        return layer_2

    with tf.name_scope("encoder"):
        encoder_op = encoder(X)
    with tf.name_scope("decoder"):
        decoder_op = decoder(encoder_op)
    y_pred = decoder_op  # the prediction
    y_true = X  # the target: the image itself
    with tf.name_scope("cost"):
        cost = tf.reduce_mean(tf.square(y_true - y_pred))  # tf.pow(..., 2) is slower
    with tf.name_scope("training"):
        optimizer = tf.train.AdamOptimizer(learning_rate).minimize(cost)
    return X, encoder_op, y_pred, cost, optimizer


def draw(images, encode_decode):
    """Draw images above their reconstructions, both float (n, 784) in [0, 1]."""
    n = len(images)
    label_width = 1.3  # inches, at the left of n columns that are one inch wide
    width = label_width + n
    f, a = plt.subplots(2, n, figsize=(width, 2), squeeze=False,
                        subplot_kw={"xticks": [], "yticks": []})
    f.subplots_adjust(left=label_width / width, right=0.99, bottom=0.02, top=0.98, hspace=0.05)
    for i in range(n):
        a[0][i].imshow(np.reshape(images[i], (28, 28)), vmin=0, vmax=1)
        a[1][i].imshow(np.reshape(encode_decode[i], (28, 28)), vmin=0, vmax=1)
    a[0][0].set_ylabel("original", rotation="horizontal", ha="right", va="center")
    a[1][0].set_ylabel("reconstruction", rotation="horizontal", ha="right", va="center")


def main(argv=None):
    """Run the article's steps. argv: a list of flags; None means those of the command line."""
    parser = argparse.ArgumentParser(prog=script.name, description=__doc__,
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--examples-to-show", type=number(int, 1, 100), default=examples_to_show,
                        help="test images in the picture")
    args = parse_flags(parser, argv)  # adds the flags that both scripts have
    mnist = input_data.read_data_sets(args.data_dir, one_hot=False, seed=args.seed)
    total_batch = int(mnist.train.num_examples / args.batch_size)  # images left over come next
    if total_batch == 0:
        parser.error(f"argument --batch-size: only {mnist.train.num_examples} images to train on")

    with tf.Graph().as_default(), tf.Session() as sess:  # operations wait for sess.run()
        X, encoder_op, y_pred, cost, optimizer = build_network(
            args.learning_rate, args.seed, args.init)
        init = tf.global_variables_initializer()
        sess.run(init)
        saver, first_epoch = restore_checkpoint(sess, args) if args.checkpoint_dir else (None, 0)
        mnist.train.skip(first_epoch * total_batch * args.batch_size)  # images already used

        log = open_log(args, sess.graph, first_epoch) if args.log_dir else None
        with log or contextlib.nullcontext():
            for epoch in range(first_epoch, args.training_epochs):
                for i in range(total_batch):
                    batch_xs, batch_ys = mnist.train.next_batch(args.batch_size)
                    _, c = sess.run([optimizer, cost], feed_dict={X: batch_xs})
                # c is the cost before the last step. Check the network after that step, too.
                images = mnist.validation.images if saver or log else batch_xs  # a batch is faster
                cost_after = checked_cost(sess, cost, {X: images}, args, epoch + 1)
                if epoch % args.display_step == 0:
                    print_line("Epoch:", "%04d" % (epoch + 1), "cost=", "{:.9f}".format(c))
                end_epoch(sess, args, saver, log, epoch + 1, cost=c, validation_cost=cost_after)
        print_line("Optimization Finished!")
        epoch = max(first_epoch, args.training_epochs)
        test_mse = checked_cost(sess, cost, {X: mnist.test.images}, args, epoch)
        print_line("Test MSE: {:.6f}".format(test_mse))

        images = mnist.test.images[:args.examples_to_show]
        encode_decode = sess.run(y_pred, feed_dict={X: images})
        draw(images, encode_decode)
        with one_line_errors(args.output):
            plt.savefig(args.output)
        print_line(f"Saved {args.output}")
        plt.show()  # if there is a window or a notebook to show it in
        plt.close()


# From here on, autoencoder_recon.py and encoder_2d.py are the same: flags, checkpoints, log, errors
script = Path(__file__)


class RunError(Exception):
    """A run has failed, for example because the disk is full. The message is one line."""


@contextlib.contextmanager
def one_line_errors(name, error_type=RunError):
    """Turn errors in using the file `name` into an `error_type`, with a message of one line."""
    try:
        yield
    except OSError as err:
        raise error_type(f"{name}: {err.strerror or err}") from err
    except (tf.errors.OpError, IndexError) as err:  # IndexError: a checkpoint is cut off
        # TensorFlow's message may have many lines, of which one is "FILE; No space left on device".
        cause = re.search(".*; (.+)", str(err))
        raise error_type(f"{name}: {cause[1] if cause else err}") from err


def print_line(*words):
    """Print words as one line and flush it. Raises RunError."""
    with one_line_errors("stdout"):
        print(*words, flush=True)


def checked_cost(sess, cost, feed_dict, args, epoch):
    """Return the cost. Raises RunError if the cost or a variable is infinite or NaN."""
    value, variables = sess.run([cost, tf.global_variables()], feed_dict=feed_dict)
    if not all(np.isfinite(array).all() for array in [value, *variables]):
        raise RunError(f"--learning-rate {args.learning_rate}: "
                       f"the cost or a variable is not finite after epoch {epoch}")
    return value


def number(kind, low, high=10**9):
    """Return an argparse type: a number of the `kind` int or float, from `low` to `high`."""
    def parse(text):
        if not low <= kind(text) <= high:
            raise argparse.ArgumentTypeError(f"{text} is not from {low} to {high}")
        return kind(text)
    parse.__name__ = kind.__name__  # argparse prints it: "invalid int value: 'ten'"
    return parse


def path(text):
    """An argparse type: a Path. The shell does not expand the ~ in --output=~/a.png, so we do."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return Path(os.path.expanduser(text))


def parse_flags(parser, argv):
    """Add the flags that both scripts have. Return the values in argv after checking them."""
    add = parser.add_argument
    add("--data-dir", metavar="DIR", type=path, default=script.resolve().parent / "mnist_data",
        help="directory of the four MNIST files")
    add("--learning-rate", type=number(float, 1e-30, 1e38), default=learning_rate, help="step size")
    add("--training-epochs", type=number(int, 0), default=training_epochs, help="epochs in total")
    add("--batch-size", type=number(int, 1), default=batch_size, help="images in a training step")
    add("--display-step", type=number(int, 1), default=display_step, help="print every Nth cost")
    add("--init", choices=["normal", "xavier"], default="normal", help="kind of initial weights")
    add("--seed", type=number(int, 0, 2**31 - 2), default=0, help="decides weights and batch order")
    add("--output", metavar="FILE", type=path, default=script.stem + ".png", help="picture")
    add("--checkpoint-dir", metavar="DIR", type=path, help="keep the model and resume from it")
    add("--log-dir", metavar="DIR", type=path, help="write graph and costs here, for TensorBoard")
    args = parser.parse_args(argv)
    formats = sorted(plt.Figure().canvas.get_supported_filetypes().keys() - {"pgf"})  # for LaTeX
    if args.output.suffix[1:].lower() not in formats:
        parser.error(f"argument --output: {args.output}: the ending is not in {', '.join(formats)}")
    with one_line_errors(f"argument --output: {args.output}", parser.error):
        if args.output.exists():
            args.output.open("r+b").close()  # changes nothing
        else:
            tempfile.TemporaryFile(dir=args.output.parent).close()  # vanishes at once
    if args.checkpoint_dir:
        args.checkpoint_prefix = (args.checkpoint_dir / script.stem).as_posix()  # for Saver
        if set(args.checkpoint_prefix) & set("*?[\\"):  # Saver would remove all files that match
            parser.error(f"argument --checkpoint-dir: {args.checkpoint_prefix}: "
                         "TensorFlow takes * ? [ and \\ as wildcards")
        with one_line_errors(f"argument --checkpoint-dir: {args.checkpoint_dir}", parser.error):
            args.checkpoint_dir.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=args.checkpoint_dir).close()
    return args


def restore_checkpoint(sess, args):
    """Restore or begin a checkpoint in --checkpoint-dir. Return a Saver and its epoch."""
    saver = tf.train.Saver(max_to_keep=1, save_relative_paths=True)
    state_file = args.checkpoint_dir / "checkpoint"  # Saver writes the last checkpoint's name here
    if not state_file.exists():
        for file in args.checkpoint_dir.glob("*.data-*"):
            if not file.name.startswith(f"{script.stem}-0."):  # left by an interrupted first save
                raise input_data.DataError(f"{state_file}: missing, but {file.name} is there")
        end_epoch(sess, args, saver, None, 0)  # shows before training whether saving works
        return saver, 0
    try:
        state = tf.train.get_checkpoint_state(args.checkpoint_dir)
    except ValueError:  # the file is not text, or it is empty
        state = None
    if not state:
        raise input_data.DataError(f"{state_file}: damaged: it names no checkpoint")
    last = Path(state.model_checkpoint_path).as_posix()
    if not re.fullmatch(re.escape(args.checkpoint_prefix) + "-[0-9]+", last):
        raise input_data.DataError(f"{state_file}: names {last}, not saved here by {script.name}")
    with one_line_errors(f"{last}: damaged or missing", input_data.DataError):
        reader = tf.train.load_checkpoint(last)
        for variable in tf.global_variables():
            shape = reader.get_tensor(variable.op.name).shape
            if shape != variable.shape:
                raise input_data.DataError(f"{last}: another network: {variable.op.name} has shape "
                                           f"{shape} there, {variable.shape} here")
        saver.restore(sess, last)
    saver.recover_last_checkpoints([last])  # so that the next save removes it
    epoch = int(last.rpartition("-")[2])
    print(f"{script.name}: restored {last}, after epoch {epoch}", file=sys.stderr)
    return saver, epoch


def open_log(args, graph, first_epoch):
    """Return a FileWriter for --log-dir."""
    with one_line_errors(args.log_dir, input_data.DataError):
        # FileWriter adds operations to the graph of its session, so that is not the network's.
        log = tf.summary.FileWriter(args.log_dir, graph, session=tf.Session(graph=tf.Graph()))
        # TensorBoard then forgets what an earlier run logged from this epoch on.
        log.add_session_log(tf.SessionLog(status=tf.SessionLog.START), first_epoch + 1)
        log.flush()
    return log


def end_epoch(sess, args, saver, log, epoch, **costs):
    """Log the costs and save all variables, if there is a log or a Saver. Raises RunError."""
    if log:
        values = [tf.Summary.Value(tag=tag, simple_value=costs[tag]) for tag in costs]
        with one_line_errors(args.log_dir):
            log.add_summary(tf.Summary(value=values), epoch)
            log.flush()
    if saver:
        with one_line_errors(f"{args.checkpoint_prefix}-{epoch}"):
            saver.save(sess, args.checkpoint_prefix, global_step=epoch, write_meta_graph=False)


if __name__ == "__main__":
    gc.freeze()  # ends the program sooner: without it, 0 epochs take 1.1 times as long
    tf.logging.set_verbosity(tf.logging.FATAL)  # hides warnings, such as TensorFlow's about Saver
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        status, message = 130, "interrupted; if there is a --checkpoint-dir, its model is kept"
    except (RunError, input_data.DataError) as err:
        status, message = 1 if isinstance(err, RunError) else 2, f"error: {err}"
    with contextlib.suppress(OSError, AttributeError):
        sys.stdout.close()  # so that Python does not print a second error about it at exit
    print(f"{script.name}: {message}", file=sys.stderr)
    sys.exit(status)
