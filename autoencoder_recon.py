"""Train a 784-256-128 autoencoder on MNIST and draw test digits above their reconstructions.
The encoder turns an image into a code, 128 numbers; the decoder reconstructs the image from it.
Start it with `python autoencoder_recon.py`. README.md has more about it and its article."""
import argparse
import contextlib
import io
import os
import re
import sys
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow: hides much of its C++ log
import tensorflow.compat.v1 as tf  # TensorFlow 1's functions, in TensorFlow 2
import numpy as np
import matplotlib.pyplot as plt
from matplotlib.backend_bases import FigureCanvasBase
from mnist_data import input_data

script = Path(__file__)  # the picture and the checkpoints are named after it

# Training. Each is the default of the flag of the same name: --batch-size 64 changes it for a run.
learning_rate = 0.01  # step size of the optimizer
training_epochs = 10  # an epoch is about one pass through the training images
batch_size = 256  # images in a training step
display_step = 1  # epochs from one printed cost to the next; 3 prints those of epochs 1, 4, 7, ...
examples_to_show = 10  # test images in the picture

# Sizes of the encoder's layers. The decoder has them in reverse.
n_input = 784  # pixels of an image, 28 x 28
n_hidden_1 = 256  # units of the first encoder layer
n_hidden_2 = 128  # units of the second encoder layer, which makes the code: the code's size


def build_network(learning_rate, seed=0, initializer="normal"):
    """Describe the article's network in a graph. Nothing is computed until sess.run().

    Call it in `with tf.Graph().as_default():`. Elsewhere, tf.placeholder raises RuntimeError.
    learning_rate: above 0. seed: 0 to 2**31 - 2. initializer: "normal", the article's, or
    "xavier", which fits the initial weights to each layer's size. Raises ValueError for any other.

    Returns X, encoder_op (codes), y_pred (reconstructions), cost, and optimizer, the operation of
    one training step. X and y_pred are float32 (n, 784) in [0, 1]; encoder_op is (n, n_hidden_2).
    """
    # From the seed and its place among the random operations, each gets numbers of its own. If you
    # add one before the weights, they begin with other values.
    tf.set_random_seed(seed)
    X = tf.placeholder("float", [None, n_input], name="X")  # images, float32, given to sess.run()
    # initial_weight and initial_bias are functions: they make the initial values from a shape.
    if initializer == "normal":
        # The article's, with a standard deviation of 1 (Keras's RandomNormal has 0.05). A unit adds
        # up 100 inputs or more, each times such a weight, so in every layer most sums are far from
        # 0. There the sigmoid is flat and its gradient nearly 0: the unit stays near 0 or 1 and
        # hardly learns. In the last layer, units are pixels: some stay at 1 for every image (the
        # bright dots in the reconstructions), and more stay at 0 (the gaps in the digits).
        initial_weight, initial_bias = tf.random_normal, tf.random_normal
    elif initializer == "xavier":
        # Xavier Glorot's rule: uniform within ±sqrt(6 / (inputs + units)), to keep the sums small.
        # For sigmoid units, the Theano tutorials advise 4 times this limit. `scale` multiplies the
        # variance: 4 squared (with tf.nn.relu in the hidden layers, write 1).
        initial_weight = tf.variance_scaling_initializer(
            scale=4**2, mode="fan_avg", distribution="uniform")
        initial_bias = tf.zeros
    else:
        raise ValueError(f"initializer is {initializer!r}, not 'normal' or 'xavier'")

    # A name scope is a box in TensorBoard's picture of the graph. Its name is also a part of its
    # variables' names (weights/encoder_h1). If you change one, models saved before do not fit.
    with tf.name_scope("weights"):
        weights = {  # a row for each input of a layer, a column for each of its units
            "encoder_h1": tf.Variable(initial_weight([n_input, n_hidden_1]), name="encoder_h1"),
            "encoder_h2": tf.Variable(initial_weight([n_hidden_1, n_hidden_2]), name="encoder_h2"),
            "decoder_h1": tf.Variable(initial_weight([n_hidden_2, n_hidden_1]), name="decoder_h1"),
            "decoder_h2": tf.Variable(initial_weight([n_hidden_1, n_input]), name="decoder_h2"),
        }
    with tf.name_scope("biases"):
        biases = {  # a number for each unit of a layer
            "encoder_b1": tf.Variable(initial_bias([n_hidden_1]), name="encoder_b1"),
            "encoder_b2": tf.Variable(initial_bias([n_hidden_2]), name="encoder_b2"),
            "decoder_b1": tf.Variable(initial_bias([n_hidden_1]), name="decoder_b1"),
            "decoder_b2": tf.Variable(initial_bias([n_input]), name="decoder_b2"),
        }

    def encoder(x):  # each layer is xW + b, with a sigmoid around it
        layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["encoder_h1"]),
                                       biases["encoder_b1"]))
        layer_2 = tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["encoder_h2"]),
                                       biases["encoder_b2"]))
        return layer_2

    def decoder(x):  # from a code to an image; the last sigmoid keeps it in [0, 1]
        layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["decoder_h1"]),
                                       biases["decoder_b1"]))
        layer_2 = tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["decoder_h2"]),
                                       biases["decoder_b2"]))
        return layer_2

    with tf.name_scope("encoder"):
        encoder_op = encoder(X)
    with tf.name_scope("decoder"):
        decoder_op = decoder(encoder_op)
    y_pred = decoder_op  # the prediction: the reconstructed image
    y_true = X  # the target; for noise in the input alone, write encoder(X + noise) above
    with tf.name_scope("cost"):
        cost = tf.reduce_mean(tf.square(y_true - y_pred))  # as the article's tf.pow, but faster
    with tf.name_scope("training"):
        optimizer = tf.train.AdamOptimizer(learning_rate).minimize(cost)
    return X, encoder_op, y_pred, cost, optimizer


def draw(images, encode_decode):
    """Return a new figure: images above their reconstructions, both float (n, 784) in [0, 1]."""
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
    return f


def main(argv=None):
    """Run the article's steps. argv: a list of flags; None means those of the command line.

    In a notebook, call main([]): with None, it would read the flags of the notebook's own process.
    The article has no flags, checkpoints, log, check of the cost, test MSE or saved picture.

    Raises SystemExit for a bad flag, DataError for bad data, and RunError for another file that
    can't be used, for a model of other settings, and for a cost that is not finite.
    """
    # The functions number(), add_common_flags() and so on are below main().
    parser = argparse.ArgumentParser(prog=script.name, description=__doc__)
    parser.add_argument("--examples-to-show", type=number(int, 1, 100), default=examples_to_show,
                        help="test images in the picture (default: %(default)s)")
    add_common_flags(parser)
    args = parser.parse_args(argv)
    check_paths(parser, args)
    mnist = input_data.read_data_sets(
        args.data_dir, one_hot=False, validation_size=args.validation_size, seed=args.seed)
    # Whole batches in an epoch: 214 by default. The next epoch begins with the images left over.
    total_batch = int(mnist.train.num_examples / args.batch_size)
    if total_batch == 0:
        parser.error(f"argument --batch-size: only {mnist.train.num_examples} images to train on")

    # The graph holds the operations that build_network() describes. The session computes them, and
    # holds the values of the variables. After this block, both are gone.
    with tf.Graph().as_default(), tf.Session() as sess:
        X, encoder_op, y_pred, cost, optimizer = build_network(
            args.learning_rate, args.seed, args.init)
        init = tf.global_variables_initializer()
        sess.run(init)

        first_epoch = 0
        if args.checkpoint_dir:
            # Compared on resuming, like the names and shapes of all variables. (Other numbers in
            # the code are not.) A variable is saved with the weights; init was made before it.
            settings = tf.Variable(
                [f"--init {args.init}", f"--seed {args.seed}", f"--batch-size {args.batch_size}",
                 f"--learning-rate {args.learning_rate}",
                 f"{mnist.train.num_examples} images (--validation-size {args.validation_size})",
                 f"images of checksum {mnist.train.checksum}",
                 f"the operations {operation_types(sess.graph)}"], trainable=False, name="settings")
            sess.run(settings.initializer)
            saver = tf.train.Saver(max_to_keep=1, save_relative_paths=True)
            first_epoch = restore_checkpoint(
                saver, sess, settings, args.checkpoint_dir, args.training_epochs)
            mnist.train.skip(first_epoch * total_batch * args.batch_size)  # already used
            if first_epoch == 0:
                # This shows before the training whether saving works. Epoch 0 is never resumed.
                save_checkpoint(saver, sess, args.checkpoint_dir, 0)
        if args.log_dir:
            writer = open_log(args.log_dir, sess.graph)

        for epoch in range(first_epoch, args.training_epochs):
            for i in range(total_batch):
                batch_xs, batch_ys = mnist.train.next_batch(args.batch_size)  # labels are not used
                # sess.run() computes all that is in the list, and returns a list of the results.
                # `optimizer` is one training step, without a result; c is this batch's cost before
                # the step. The c of an epoch's last batch is printed.
                _, c = sess.run([optimizer, cost], feed_dict={X: batch_xs})
            if epoch % args.display_step == 0:
                print("Epoch:", "%04d" % (epoch + 1), "cost=", "{:.9f}".format(c), flush=True)

            # c is from before the last step. If that step made the weights NaN, as it may with a
            # logarithm in the cost, they must not replace the last checkpoint.
            if not np.isfinite(sess.run(cost, feed_dict={X: batch_xs})):
                raise RunError(f"the cost is not finite after epoch {epoch + 1}: "
                               "try a smaller --learning-rate or --init xavier")
            if args.log_dir:
                validation_cost = sess.run(cost, feed_dict={X: mnist.validation.images})
                log_costs(writer, epoch + 1, cost=c, validation_cost=validation_cost)
            # Save after logging: if the run is killed in between, this epoch is logged once more.
            if args.checkpoint_dir:
                save_checkpoint(saver, sess, args.checkpoint_dir, epoch + 1)
        print("Optimization Finished!", flush=True)
        encode_decode = sess.run(y_pred, feed_dict={X: mnist.test.images})

    # The MSE of the reconstructions, whatever the formula of the cost is.
    test_mse = np.mean(np.square(mnist.test.images - encode_decode))
    # To compare: the MSE if every reconstruction were the mean of the training images.
    mean_image_mse = np.mean(np.square(mnist.test.images - mnist.train.mean_image))
    print("Test MSE: {:.6f} (mean image: {:.6f})".format(test_mse, mean_image_mse), flush=True)

    with plt.style.context("default"):  # the user's settings could turn digits upside down
        figure = draw(mnist.test.images[:args.examples_to_show],
                      encode_decode[:args.examples_to_show])
        picture = io.BytesIO()  # in memory: on a full disk, savefig() would save half a JPEG
        plt.savefig(picture, format=args.output.suffix[1:])
    with one_line_errors(args.output):
        args.output.write_bytes(picture.getvalue())
    print(f"Saved {args.output}", flush=True)
    plt.show(block=True)  # in the notebook, or in a window: the script waits until you close it
    plt.close(figure)


# From here on, the text is the same in autoencoder_recon.py and encoder_2d.py. A test compares it.
class RunError(Exception):
    """A run can't begin or can't go on. The message is one line."""


@contextlib.contextmanager
def one_line_errors(file):
    """Turn an error in using a file or directory into a RunError that names it and the reason."""
    try:
        yield
    except OSError as err:
        raise RunError(f"{file}: {err.strerror or err}") from err
    except tf.errors.OpError as err:
        # The message of an operation has many lines. The reason follows the line "Node: ...".
        reason = re.search(r"^Node: .*\n(.*)", err.message, re.MULTILINE)
        raise RunError(f"{file}: {reason[1] if reason else err.message}") from err


def number(kind, low, high=10**9):
    """Return an argparse type: a number of the `kind` int or float, from `low` to `high`."""
    def parse(text):
        value = kind(text)
        if not low <= value <= high:  # refuses nan, too: every comparison with nan is false
            raise argparse.ArgumentTypeError(f"{text} is not from {low} to {high}")
        return value
    parse.__name__ = kind.__name__  # for argparse's own error: "invalid int value: 'ten'"
    return parse


def path(text):
    """An argparse type: the Path of a local file or directory. ~ is the home directory."""
    if not text or "://" in text:  # TensorFlow can write to gs://..., but Python's Path can't
        raise argparse.ArgumentTypeError(f"{text!r} is not a local file or directory")
    file = os.path.expanduser(text)  # the shell leaves the ~ of --output=~/a.png to us
    # TensorFlow writes every name as UTF-8. If Python does not, each would use another directory.
    if os.fsencode(file) != file.encode(errors="replace"):
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8: use only ASCII characters")
    return Path(file)


def add_common_flags(parser):
    """Add the flags that both scripts have."""
    add = parser.add_argument
    add("--data-dir", metavar="DIR", type=path, default=script.resolve().parent / "mnist_data",
        help="directory of the four MNIST files, or of those that `python -m mnist_data.own_data` "
             "makes of your own images (default: %(default)s)")
    add("--validation-size", type=number(int, 1), default=5000,
        help="how many training images, the first ones, are kept for validation: not for training, "
             "but for their cost in the log (default: %(default)s)")
    add("--learning-rate", type=number(float, 1e-30, 1e38), default=learning_rate,
        help="step size of the optimizer; if it is too large (for MNIST, 0.1), the test MSE is "
             "above that of the mean image (default: %(default)s)")
    add("--training-epochs", type=number(int, 0), default=training_epochs,
        help="epochs in all, including those of a resumed model (default: %(default)s)")
    add("--batch-size", type=number(int, 1), default=batch_size,
        help="images in a training step (default: %(default)s)")
    add("--display-step", type=number(int, 1), default=display_step,
        help="epochs from one printed cost to the next (default: %(default)s)")
    add("--init", choices=["normal", "xavier"], default="normal",
        help="initial weights: the article's, so large that many units learn little, or Xavier "
             "Glorot's rule for sigmoid units, for a smaller test MSE (default: %(default)s)")
    add("--seed", type=number(int, 0, 2**31 - 2), default=0,
        help="decides the initial weights and the order of the images (default: %(default)s)")
    add("--output", metavar="FILE", type=path, default=Path(f"{script.stem}.png"),
        help="the picture; its ending decides the format (default: %(default)s)")
    add("--checkpoint-dir", metavar="DIR", type=path,
        help="keep the model of the last epoch there, and resume from it; --init, --seed, "
             "--batch-size, --learning-rate, --validation-size, the training images and the "
             "operations of the network must then be the same")
    add("--log-dir", metavar="DIR", type=path,
        help="write a log there, which `tensorboard --logdir DIR` shows; a new run (not a "
             "resumed one) needs another, since all runs in a directory are drawn as one curve")


def check_paths(parser, args):
    """Refuse an --output that can't be written and a --checkpoint-dir with wildcards."""
    formats = sorted(FigureCanvasBase.get_supported_filetypes().keys() - {"pgf"})  # needs LaTeX
    if args.output.suffix[1:].lower() not in formats:
        parser.error(f"argument --output: {args.output}: the ending is not in {', '.join(formats)}")
    target = os.path.realpath(args.output)  # where a symbolic link leads
    was_there = os.path.exists(target)
    try:
        open(target, "ab").close()
        if not was_there:
            os.remove(target)
    except OSError as err:
        parser.error(f"argument --output: {args.output}: {err.strerror}")
    # Saver takes these characters for a pattern: for "run?", it would remove the model in "run1".
    wildcards = set("*?[\\") - {os.sep}  # in Windows, a backslash is no pattern
    if args.checkpoint_dir and wildcards & set(str(args.checkpoint_dir)):
        parser.error(f"argument --checkpoint-dir: {args.checkpoint_dir}: "
                     f"TensorFlow takes {' '.join(sorted(wildcards))} for a pattern")


def operation_types(graph):
    """Return the types of the network's operations from X to cost: "MatMul AddV2 Sigmoid ...".

    They show that a formula was changed. What only holds or reads a value is left out.
    """
    return " ".join(operation.type for operation in graph.get_operations()
                    if operation.name.split("/")[0] not in ("weights", "biases", "training")
                    and operation.type not in ("Placeholder", "ReadVariableOp", "Const", "NoOp"))


def restore_checkpoint(saver, sess, settings, directory, training_epochs):
    """Restore the last checkpoint in `directory`. Return its epoch, or 0 if nothing is restored.

    settings: the variable with this run's settings. Raises RunError if the checkpoint is damaged,
    if it is not of this script and network, if its settings differ, or if it has more than
    `training_epochs` epochs.
    """
    state_file = directory / "checkpoint"  # in it, Saver writes the name of the last checkpoint
    with one_line_errors(directory):
        names = os.listdir(directory) if directory.exists() else []
        try:
            last = tf.train.latest_checkpoint(directory)
        except ValueError:  # the file is empty or is not text
            last = None
    if not last:
        # Files of epoch 1 or later are a trained model, which a new run must not replace.
        if "checkpoint" in names or any(re.match(f"{script.stem}-[1-9]", name) for name in names):
            raise RunError(f"{state_file}: missing or damaged, or the model that it names is not "
                           "there. To begin anew, use another directory")
        return 0
    suffix = last.rpartition("-")[2]
    if not suffix.isdecimal() or Path(last) != directory / f"{script.stem}-{suffix}":
        raise RunError(f"{state_file}: names {last}, which {script.name} did not save there")
    epoch = int(suffix)
    if epoch == 0:  # initial weights, saved only to try saving, perhaps with other settings
        return 0
    own_settings = sess.run(settings)  # restore() overwrites them
    with one_line_errors(last):
        # Saver does not compare shapes: it would put an array of any shape into a variable.
        shapes = {v.op.name: v.shape.as_list() for v in tf.global_variables()}
        if dict(tf.train.list_variables(last)) != shapes:
            raise RunError(f"{last}: has variables of other names or shapes than this network. "
                           "To train this one, use another directory")
        saver.restore(sess, last)
    for saved, own in zip(sess.run(settings), own_settings):
        if saved != own:
            raise RunError(f"{last}: trained with {saved.decode()}, not with {own.decode()}")
    if epoch > training_epochs:
        raise RunError(f"{last}: trained for more than --training-epochs {training_epochs}. "
                       f"To draw its picture, use --training-epochs {epoch}")
    saver.recover_last_checkpoints([last])  # so that Saver removes it after the next save
    print(f"{script.name}: resumed from {last}, after epoch {epoch}; "
          f"{training_epochs - epoch} more to train", file=sys.stderr)
    return epoch


def save_checkpoint(saver, sess, directory, epoch):
    """Save all variables in `directory`, with the name SCRIPT-EPOCH. Raises RunError."""
    with one_line_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        saver.save(sess, str(directory / script.stem), global_step=epoch, write_meta_graph=False)


def open_log(directory, graph):
    """Return a FileWriter in `directory`, given the graph to write. Raises RunError."""
    with one_line_errors(directory):
        # With session=, errors are raised here, and not in a thread. FileWriter adds operations to
        # the graph of that session, so we give it a session with an empty graph.
        return tf.summary.FileWriter(directory, graph, session=tf.Session(graph=tf.Graph()))


def log_costs(writer, epoch, **costs):
    """Write the costs of `epoch` to the log, under their names. Raises RunError."""
    values = [tf.Summary.Value(tag=name, simple_value=costs[name]) for name in costs]
    with one_line_errors(writer.get_logdir()):
        writer.add_summary(tf.Summary(value=values), epoch)
        writer.flush()


if __name__ == "__main__":
    tf.logging.set_verbosity(tf.logging.FATAL)  # hides the warnings of TensorFlow's Python part
    warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")  # where no window opens
    try:
        main()
    except (RunError, input_data.DataError) as err:
        sys.exit(f"{script.name}: error: {err}")
    except KeyboardInterrupt:
        sys.tracebacklimit = 0  # no traceback, only the line "KeyboardInterrupt"
        raise  # Python then ends as after any Ctrl-C, so that a loop in the shell ends, too
