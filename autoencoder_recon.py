"""Trains the article's 784-256-128-256-784 autoencoder on MNIST and draws test digits above their reconstructions."""
import argparse
import gc
import os
import sys
import threading
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the import: hides most of what TensorFlow logs; 0 shows it
import tensorflow.compat.v1 as tf  # the article's TensorFlow 1, which TensorFlow 2 still contains
import numpy as np
import matplotlib.pyplot as plt
from mnist_data import input_data

learning_rate = 0.01  # Adam's step size. This and the next four are the defaults of flags.
training_epochs = 10
batch_size = 256  # images in a training step
display_step = 1  # epochs from one printed cost to the next
examples_to_show = 10
n_input = 784  # pixels of an image, 28 x 28
n_hidden_1 = 256  # units of the first encoder layer
n_hidden_2 = 128  # units of the second encoder layer, whose output is the code


def build_network(learning_rate=learning_rate, seed=0, initializer="normal"):
    """Add the article's network to the default graph. Return X, encoder_op, y_pred, cost, optimizer (a step).

    learning_rate: above 0. seed: 0 to 2**31 - 2; in a new graph the same seed gives the same initial values.
    initializer: "normal", the article's, or "xavier", the rule of Glorot & Bengio (2010) for sigmoid units.
    X and y_pred: float32 (n, 784) in [0, 1]. encoder_op: float32 (n, 128) in [0, 1]. cost: mean squared error.
    """
    tf.set_random_seed(seed)
    X = tf.placeholder("float", [None, n_input], name="X")  # only the pictures: their labels are not needed to train
    assert initializer in ("normal", "xavier")
    initial_weight, initial_bias = tf.random_normal, tf.random_normal
    if initializer == "xavier":  # weights uniform within 4 sqrt(6 / (inputs + units)); biases 0
        initial_weight, initial_bias = tf.variance_scaling_initializer(4**2, "fan_avg", "uniform"), tf.zeros
    # Weights: a row for each input of a layer, a column for each unit. The decoder has the encoder's sizes in reverse.
    with tf.name_scope("weights"):  # a box in TensorBoard's picture of the graph
        weights = {
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

    # Each layer is xW + b, put through a sigmoid.
    def encoder(x):
        with tf.name_scope("encoder"):
            layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["encoder_h1"]), biases["encoder_b1"]))
            layer_2 = tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["encoder_h2"]), biases["encoder_b2"]))
        return layer_2

    # The decoder mirrors the encoder, from a code back to 784 pixels.
    def decoder(x):
        with tf.name_scope("decoder"):
            layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["decoder_h1"]), biases["decoder_b1"]))
            layer_2 = tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["decoder_h2"]), biases["decoder_b2"]))
        return layer_2

    encoder_op = encoder(X)
    decoder_op = decoder(encoder_op)
    y_pred = decoder_op  # the prediction
    y_true = X  # and what it should be: the picture itself
    with tf.name_scope("cost"):
        # Least squares. The article's tf.pow(y_true - y_pred, 2) gives the same numbers, but more slowly.
        cost = tf.reduce_mean(tf.square(y_true - y_pred))
    with tf.name_scope("training"):
        optimizer = tf.train.AdamOptimizer(learning_rate).minimize(cost)
    return X, encoder_op, y_pred, cost, optimizer


def draw(images, encode_decode):
    """Draw images above their reconstructions, both float (n, 784) in [0, 1]."""
    n = len(images)
    f, a = plt.subplots(2, n, figsize=(n + 1.3, 2), squeeze=False, subplot_kw=dict(xticks=[], yticks=[]),
                        # on the left, 1.25 inches for the labels
                        gridspec_kw=dict(left=1.25 / (n + 1.3), right=0.99, bottom=0.02, top=0.98, hspace=0.05))
    for i in range(n):
        a[0][i].imshow(np.reshape(images[i], (28, 28)), vmin=0, vmax=1)
        a[1][i].imshow(np.reshape(encode_decode[i], (28, 28)), vmin=0, vmax=1)
    a[0][0].set_ylabel("original", rotation="horizontal", ha="right", va="center")
    a[1][0].set_ylabel("reconstruction", rotation="horizontal", ha="right", va="center")


def main(argv=None):
    """Run the article's steps with the flags in the list `argv` (None: the command line's; in a notebook, give [])."""
    parser = make_parser()  # the flags of both scripts, below
    parser.add_argument("--examples-to-show", type=in_range(int, 1, 100), default=examples_to_show,
                        help="test digits to draw")
    args = parser.parse_args(argv)
    mnist = input_data.read_data_sets(args.data_dir, one_hot=False, seed=args.seed)
    total_batch = int(mnist.train.num_examples / args.batch_size)  # full batches; the rest comes in the next epoch
    if total_batch == 0:
        parser.error(f"argument --batch-size: {args.batch_size} is more than the {mnist.train.num_examples} images to "
                     f"train on ({mnist.validation.num_examples} are held out)")

    with tf.Graph().as_default(), tf.Session() as sess:  # a graph of its own: outside, TensorFlow 2 computes eagerly
        X, encoder_op, y_pred, cost, optimizer = build_network(args.learning_rate, args.seed, args.initializer)
        init = tf.global_variables_initializer()
        sess.run(init)
        saver = tf.train.Saver(max_to_keep=1, save_relative_paths=True) if args.checkpoint_dir else None
        first_epoch = restore_checkpoint(saver, sess, args) if saver else 0
        writer = tf.summary.FileWriter(args.log_dir, sess.graph) if args.log_dir else None
        if writer:  # so that TensorBoard drops what an earlier run logged from that epoch on
            writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), first_epoch + 1)

        mnist.train.skip(first_epoch * total_batch * args.batch_size)  # the images of the epochs already trained
        for epoch in range(first_epoch, args.training_epochs):
            for i in range(total_batch):
                batch_xs, batch_ys = mnist.train.next_batch(args.batch_size)  # pixels from 0 to 1; labels, not used
                _, c = sess.run([optimizer, cost], feed_dict={X: batch_xs})  # one step; c is the cost before it
            if not np.isfinite(c):
                raise FloatingPointError(f"--learning-rate {args.learning_rate}: the cost is {c} in epoch {epoch + 1}")
            if epoch % args.display_step == 0:
                print("Epoch:", "%04d" % (epoch + 1), "cost=", "{:.9f}".format(c), flush=True)
            if writer:
                log_costs(writer, epoch + 1, cost=c, validation_cost=sess.run(cost, {X: mnist.validation.images}))
            if saver:
                save_checkpoint(saver, sess, args, epoch + 1)
        print("Optimization Finished!", flush=True)
        print("Test MSE: {:.6f}".format(sess.run(cost, feed_dict={X: mnist.test.images})), flush=True)

        images = mnist.test.images[:args.examples_to_show]
        encode_decode = sess.run(y_pred, feed_dict={X: images})
        draw(images, encode_decode)
        plt.savefig(args.output)
        print(f"Saved {args.output}", flush=True)
        plt.show()  # in a window, or below a notebook's cell
        plt.close()


# From here on, the same text in autoencoder_recon.py and encoder_2d.py: flags, checkpoints, log, errors of one line.
def in_range(kind, low, high=10**9):
    """Return an argparse type for an int or a float (`kind`) from `low` to `high`, both included."""
    def number(text):
        if not low <= kind(text) <= high:
            raise argparse.ArgumentTypeError(f"{text} is not from {low} to {high}")
        return kind(text)
    number.__name__ = kind.__name__  # for argparse's message
    return number


def picture_file(text):
    """Return the Path `text`: the argparse type of a picture that Matplotlib can write."""
    formats = plt.Figure().canvas.get_supported_filetypes()
    if Path(text).suffix[1:].lower() not in formats or not Path(text).parent.is_dir() or Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text}: no file can be there, or its ending isn't {', '.join(formats)}")
    return Path(text)


def directory(text):
    """Return the Path `text`: the argparse type of a directory to write in, which is made if it is not there."""
    try:
        Path(text).mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise argparse.ArgumentTypeError(err) from err
    if not os.access(text, os.W_OK):  # FileWriter would not say so
        raise argparse.ArgumentTypeError(f"{text} is not writable")
    return Path(text)


def make_parser():
    """Return the parser of the flags that both scripts have."""
    parser = argparse.ArgumentParser(prog=Path(__file__).name, description=__doc__,
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    flag = parser.add_argument
    flag("--data-dir", metavar="DIR", default=Path(__file__).resolve().parent / "mnist_data",
         help="four IDX files under MNIST's names, .gz or unpacked")
    flag("--learning-rate", type=in_range(float, 1e-30, 1e38), default=learning_rate, help="the optimizer's step size")
    flag("--training-epochs", type=in_range(int, 0), default=training_epochs, help="in all, with those of a checkpoint")
    flag("--batch-size", type=in_range(int, 1), default=batch_size, help="images in a training step")
    flag("--display-step", type=in_range(int, 1), default=display_step, help="epochs from one printed cost to the next")
    flag("--init", dest="initializer", choices=["normal", "xavier"], default="normal",
         help="initial weights: the article's, or scaled to the size of each layer")
    flag("--seed", type=in_range(int, 0, 2**31 - 2), default=0, help="of the initial weights and the batch order")
    flag("--output", metavar="FILE", type=picture_file, default=Path(__file__).stem + ".png", help="the picture")
    flag("--checkpoint-dir", metavar="DIR", type=directory, help="save after every epoch, and go on from what is there")
    flag("--log-dir", metavar="DIR", type=directory, help="write graph, cost and validation cost for TensorBoard")
    return parser


def restore_checkpoint(saver, sess, args):
    """Restore the last checkpoint, or save a first one. Return its number of epochs. Raises DataError, OSError."""
    last = state = args.checkpoint_dir / "checkpoint"  # the file where Saver notes which checkpoint is the last
    if not state.exists() and not any(args.checkpoint_dir.glob("*-[1-9]*.data-*")):  # -0 alone: a first save, cut off
        save_checkpoint(saver, sess, args, 0)  # shows before training whether saving works
        return 0
    try:
        last = tf.train.latest_checkpoint(args.checkpoint_dir)
        saver.restore(sess, last)  # ValueError if there is none
        saver.recover_last_checkpoints([last])  # so that the next save removes it
        epoch = int(last.rpartition("-")[2])
        shapes = tf.train.load_checkpoint(last).get_variable_to_shape_map()
        if shapes != {v.op.name: v.shape.as_list() for v in tf.global_variables()}:
            raise ValueError("another network, which restore() does not notice")
        if Path(last).parent != args.checkpoint_dir:
            raise ValueError("another directory, where the next save must not remove anything")
    except (tf.errors.OpError, ValueError) as err:
        raise input_data.DataError(f"{last or state}: not a whole checkpoint of this network and directory") from err
    print(f"{Path(__file__).name}: {'going on' if epoch < args.training_epochs else 'nothing left to train'} "
          f"after epoch {epoch}, {last}", file=sys.stderr)
    return epoch


def save_checkpoint(saver, sess, args, epoch):
    """Save the variables in --checkpoint-dir, in place of the checkpoint before. Raises OSError."""
    try:
        saver.save(sess, str(args.checkpoint_dir / Path(__file__).stem), global_step=epoch, write_meta_graph=False)
    except (tf.errors.OpError, ValueError) as err:  # many lines, with one like "FILE; No space left on device"
        raise OSError(next((line for line in str(err).splitlines() if "; " in line), err)) from err


def log_costs(writer, epoch, **costs):
    """Write the costs of an epoch to the log, under their names. Raises OSError."""
    try:
        writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag=t, simple_value=c) for t, c in costs.items()]), epoch)
        writer.flush()
    except (RuntimeError, IndexError) as err:  # FileWriter's, if the disk is full or the file too large
        raise OSError(str(err).splitlines()[0]) from err


if __name__ == "__main__":
    gc.freeze()  # the garbage collector passes over all that is imported: the process ends 0.7 seconds sooner
    tf.logging.set_verbosity(tf.logging.FATAL)  # Saver calls functions that TensorFlow calls deprecated
    threading.excepthook = lambda args: None  # FileWriter raises what fails in its thread once more
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        status, why = 130, "interrupted; what --checkpoint-dir has saved is kept"
    except input_data.DataError as err:
        status, why = 2, f"error: {err}"
    except BrokenPipeError as err:
        status, why = 1, f"error: stdout: {err.strerror}"
    except (OSError, MemoryError, FloatingPointError) as err:
        status, why = 1, f"error: {str(err) or 'not enough memory'}"
    try:
        print(end="", flush=True)
    except OSError:
        sys.stdout = None  # Python would flush it once more at exit, and say so
    print(f"{Path(__file__).name}: {why}", file=sys.stderr)
    sys.exit(status)
