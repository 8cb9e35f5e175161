"""Trains the article's 784-256-128-256-784 autoencoder on MNIST and draws test digits above their reconstructions."""
import argparse
import contextlib
import gc
import io
import os
import re
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # hides what TensorFlow logs in C++; set it to 0 to see that
if __name__ == "__main__":
    gc.disable()  # no garbage collection until the end of this file: the imports take half a second less

import tensorflow.compat.v1 as tf
import numpy as np
import matplotlib.pyplot as plt
from mnist_data import input_data

learning_rate = 0.01
training_epochs = 10
batch_size = 256
display_step = 1
examples_to_show = 10
n_input = 784  # pixels of an image, 28 x 28
n_hidden_1 = 256  # units of the first encoder layer
n_hidden_2 = 128  # units of the second encoder layer, whose output is the code


class Network(NamedTuple):
    """The tensors to feed and to run in a graph made by build_network, and its training step."""
    X: tf.Tensor  # float32 (n, 784): images in [0, 1]
    encoder_op: tf.Tensor  # float32 (n, 128): their codes, in [0, 1]
    y_pred: tf.Tensor  # float32 (n, 784): their reconstructions, in [0, 1]
    cost: tf.Tensor  # float32, a scalar: mean squared error of a pixel
    optimizer: tf.Operation  # one training step


def build_network(learning_rate=learning_rate, seed=0, init="normal"):
    """Add the article's network to the default graph and return its Network.

    learning_rate: Adam's, above 0. seed: 0 to 2**31 - 2; the same seed gives the same initial weights and biases if
    the graph was empty before. init: "normal", the article's, or "xavier", the rule of Glorot & Bengio (2010) for
    sigmoid units. TensorBoard and checkpoints name the variables by their keys: weights/encoder_h1, biases/encoder_b1.
    """
    tf.set_random_seed(seed)
    X = tf.placeholder("float", [None, n_input], name="X")

    initial_weight, initial_bias = {
        "normal": (tf.random_normal, tf.random_normal),  # the article's
        "xavier": (tf.variance_scaling_initializer(4**2, "fan_avg", "uniform"), tf.zeros),  # +-4 sqrt(6 / (in + out))
    }[init]
    with tf.name_scope("weights"):
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

    def encoder(x):
        with tf.name_scope("encoder"):
            layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["encoder_h1"]), biases["encoder_b1"]))
            layer_2 = tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["encoder_h2"]), biases["encoder_b2"]))
        return layer_2

    def decoder(x):
        with tf.name_scope("decoder"):
            layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["decoder_h1"]), biases["decoder_b1"]))
            layer_2 = tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["decoder_h2"]), biases["decoder_b2"]))
        return layer_2

    encoder_op = encoder(X)
    decoder_op = decoder(encoder_op)
    y_pred = decoder_op
    y_true = X

    with tf.name_scope("cost"):
        # tf.reduce_mean(tf.pow(y_true - y_pred, 2)), from half the sum of squares: faster, and trains to the same bits.
        cost = tf.nn.l2_loss(y_true - y_pred) * (2 / tf.cast(tf.size(X), tf.float32))
    with tf.name_scope("training"):
        optimizer = tf.train.AdamOptimizer(learning_rate).minimize(cost)
    return Network(X, encoder_op, y_pred, cost, optimizer)


def run_training(sess, network, mnist, args, first_epoch, save, log):
    """Train as the article does. first_epoch: how many epochs are trained already. save, log: called after each epoch.

    Raises FloatingPointError where training has diverged: the cost is infinite or not a number.
    """
    X, optimizer, cost = network.X, network.optimizer, network.cost
    total_batch = int(mnist.train.num_examples / args.batch_size)
    mnist.train.skip(first_epoch * total_batch * args.batch_size)  # the images that those epochs have used
    for epoch in range(first_epoch, args.training_epochs):
        for i in range(total_batch):
            batch_xs, batch_ys = mnist.train.next_batch(args.batch_size)
            _, c = sess.run([optimizer, cost], feed_dict={X: batch_xs})
        # c was computed before the last step. The weights after it must not be saved if they have diverged.
        if not np.isfinite(c + sess.run(cost, feed_dict={X: batch_xs})):
            raise FloatingPointError(f"--learning-rate {args.learning_rate}: cost not finite after epoch {epoch + 1}")
        if epoch % args.display_step == 0:
            print("Epoch:", "%04d" % (epoch + 1), "cost=", "{:.9f}".format(c), flush=True)
        save(epoch + 1)
        log(epoch + 1, c)
    print("Optimization Finished!", flush=True)


def draw(images, encode_decode):
    """Draw images above their reconstructions, both float (n, 784) in [0, 1], in bands of at most 20 columns."""
    columns = min(len(images), 20)
    bands = -(-len(images) // columns)  # rounded up
    size = 1 if bands == 1 else 0.5  # inches of a digit
    f = plt.figure(figsize=(size * columns + 1.3, size * 2.2 * bands))
    for band, subfigure in enumerate(np.ravel(f.subfigures(bands, 1))):
        a = subfigure.subplots(2, columns, squeeze=False, gridspec_kw=dict(
            left=1.25 / f.get_figwidth(), right=0.99, bottom=0.05, top=0.95, wspace=0.05, hspace=0.05))
        for row, name in zip(a, ["original", "reconstruction"]):
            row[0].text(-0.1, 0.5, name, transform=row[0].transAxes, ha="right", va="center")
            for ax in row:
                ax.set_axis_off()
        for i, (image, result) in enumerate(zip(images[band * columns:][:columns], encode_decode[band * columns:])):
            a[0][i].imshow(np.reshape(image, (28, 28)), vmin=0, vmax=1)
            a[1][i].imshow(np.reshape(result, (28, 28)), vmin=0, vmax=1)


def main(argv=None):
    """Run the article's steps with the flags in the list `argv` (None: those of the command line)."""
    parser = make_parser()
    parser.add_argument("--examples-to-show", type=in_range(int, 1, 1000), default=examples_to_show,
                        help="test digits to draw; 1000 take half a minute")
    args = parser.parse_args(argv)
    config = tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))  # no more of a GPU than is used
    with one_line_errors(parser, args), tf.Graph().as_default(), tf.Session(config=config) as sess:
        mnist = input_data.read_data_sets(args.data_dir, one_hot=False, seed=args.seed)
        check_flags(parser, args, {"--batch-size": mnist.train.num_examples,
                                   "--examples-to-show": mnist.test.num_examples})

        network = build_network(args.learning_rate, args.seed, args.init)
        init = tf.global_variables_initializer()
        sess.run(init)
        with locked(parser, args.checkpoint_dir):
            first_epoch, save = open_checkpoints(parser, args, sess, mnist)
            log = open_log(args, sess, network, mnist, first_epoch)
            run_training(sess, network, mnist, args, first_epoch, save, log)
        print("Test MSE: {:.6f}".format(sess.run(network.cost, feed_dict={network.X: mnist.test.images})), flush=True)

        images = mnist.test.images[:args.examples_to_show]
        encode_decode = sess.run(network.y_pred, feed_dict={network.X: images})
        with saved_picture(args.output):
            draw(images, encode_decode)


# From here on, with the same text in the other script: what the article leaves out (flags, errors, checkpoints, logs).
def in_range(kind, low, high=10**9):
    """Return an argparse type for an int or a float (`kind`) from `low` to `high`, both included."""
    def parse(text):
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not from {low} to {high}")
        return value
    parse.__name__ = kind.__name__  # argparse's message has it: invalid int value
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
    flag("--learning-rate", type=in_range(float, 1e-30, 1e38), default=learning_rate, help="Adam's step size")
    flag("--training-epochs", type=in_range(int, 0), default=training_epochs, help="counted from the start of training")
    flag("--batch-size", type=in_range(int, 1), default=batch_size, help="images in a training step")
    flag("--display-step", type=in_range(int, 1), default=display_step, help="epochs from one printed cost to the next")
    flag("--init", choices=["normal", "xavier"], default="normal", help="initial weights: the article's, or smaller")
    flag("--seed", type=in_range(int, 0, 2**31 - 2), default=0, help="of the initial weights and the batch order")
    flag("--output", metavar="FILE", type=Path, default=Path(__file__).stem + ".png",
         help="the picture; the ending picks the format")
    flag("--checkpoint-dir", metavar="DIR", type=Path, help="save after every epoch, and go on from what is there")
    flag("--log-dir", metavar="DIR", type=Path, help="write graph, cost and validation cost for TensorBoard")
    return parser


@contextlib.contextmanager
def one_line_errors(parser, args):
    """End the program with one line on stderr if the block fails: status 2 for bad data, 130 for Ctrl-C, or else 1."""
    level = tf.get_logger().level
    tf.get_logger().setLevel("ERROR")  # in a notebook TensorFlow tells of each file that it saves
    try:
        yield
    except input_data.DataError as err:
        parser.error(err)
    except KeyboardInterrupt:
        last, _ = last_checkpoint(args.checkpoint_dir) if args.checkpoint_dir else (None, 0)
        kept = f"the same command goes on from {last}" if last else "nothing is saved (see --checkpoint-dir)"
        parser.exit(130, f"{parser.prog}: interrupted; {kept}\n")
    except OSError as err:
        if not err.filename:
            sys.stdout = None  # it is stdout that failed; Python would flush it again at exit
        why = " ".join(str(err.strerror or err).split())
        parser.exit(1, f"{parser.prog}: error: {err.filename or 'stdout'}: {why}\n")
    except MemoryError:
        parser.exit(1, f"{parser.prog}: error: not enough memory\n")
    except (FloatingPointError, tf.errors.OpError) as err:
        # TensorFlow's messages have lines about the graph, "Node: 'save/SaveV2'", and then one with what happened.
        why = re.sub(r"(?s).*\nNode: [^\n]*\n|\n.*", "", str(err))
        parser.exit(1, f"{parser.prog}: error: {why}\n")
    finally:
        tf.get_logger().setLevel(level)


def check_flags(parser, args, images):
    """End the program with status 2 if a flag can't be met; make the directories of --checkpoint-dir and --log-dir.

    images: how many there are, by the flag that must not ask for more.
    """
    for flag, n in images.items():
        asked = getattr(args, flag[2:].replace("-", "_"))
        if asked > n:
            parser.error(f"argument {flag}: {asked} is more than the {n} images there are")
    formats = set(plt.Figure().canvas.get_supported_filetypes()) - {"pgf"}  # which needs LaTeX
    target = written_file(args.output)
    if args.output.suffix[1:].lower() not in formats or os.path.exists(target) and not os.path.isfile(target):
        parser.error(f"argument --output: {args.output} is not the name of a .{', .'.join(sorted(formats))} file")
    try:
        plt.switch_backend(plt.get_backend())  # loads it now, before training
    except ImportError as err:
        parser.error(f"Matplotlib's backend: {err}")
    if args.checkpoint_dir and re.search(r"[*?[\\]", args.checkpoint_dir.as_posix()):
        parser.error(f"argument --checkpoint-dir: {args.checkpoint_dir}: TensorFlow can't use *, ?, [ and \\ in names")
    directories = {"--output": target.parent, "--checkpoint-dir": args.checkpoint_dir, "--log-dir": args.log_dir}
    for flag, path in directories.items():
        try:
            if path and flag != "--output":
                str(path).encode()  # TensorFlow takes names in UTF-8 alone
                path.mkdir(parents=True, exist_ok=True)
            if path:
                tempfile.TemporaryFile(dir=path).close()  # only a file that is made shows that one can be
            if flag == "--output" and not os.path.isfile(target):
                path = target  # the directory is good; is the name, too?
                path.open("x").close()
                path.unlink()
        except (OSError, UnicodeEncodeError) as err:
            parser.error(f"argument {flag}: {path}: {getattr(err, 'strerror', 'not UTF-8')}")


def last_checkpoint(directory):
    """Return the path of the last checkpoint in `directory` and its number of epochs, or (None, 0) if there is none."""
    # Not by TensorFlow's get_checkpoint_state, which follows a path to elsewhere.
    with contextlib.suppress(OSError):
        state = (directory / "checkpoint").read_text(errors="replace")
        if found := re.search(r'^model_checkpoint_path: "(?:.*/)?([^/"]+-(\d+))"$', state, re.M):
            return str(directory / found[1]), int(found[2])
    return None, 0


@contextlib.contextmanager
def locked(parser, directory):
    """Lock `directory`, if it is not None, while the block runs. End with status 2 if another run has locked it."""
    with contextlib.ExitStack() as stack:
        # Windows has no fcntl, and some network file systems have no locks: there the script runs without one.
        with contextlib.suppress(ImportError, OSError):
            import fcntl
            if directory:
                held = os.open(directory, os.O_RDONLY)
                stack.callback(os.close, held)  # unlocks it, as does the end of the process, whatever ends it
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    parser.error(f"argument --checkpoint-dir: {directory}: in use by another run")
        yield


def open_checkpoints(parser, args, sess, mnist):
    """Load the last checkpoint in --checkpoint-dir into `sess`, or save a first one there.

    Return how many epochs that is trained, and a function save(epochs), which puts another in its place.
    """
    if not args.checkpoint_dir:
        return 0, lambda epochs: None
    now = f"--learning-rate {args.learning_rate} --batch-size {args.batch_size} --init {args.init} --seed {args.seed}"
    data = f"{mnist.train.checksum():08x}"
    settings = tf.Variable(f"{now} data {data}", trainable=False, name="settings")
    sess.run(settings.initializer)
    saver = tf.train.Saver(max_to_keep=None, save_relative_paths=True)
    prefix = args.checkpoint_dir / Path(__file__).stem

    def save(epochs):
        # The file `checkpoint` names the new one only when it is whole, and only then the one before is removed.
        remove_leftovers(prefix, saver.save(sess, str(prefix), global_step=epochs, write_meta_graph=False))

    state = args.checkpoint_dir / "checkpoint"
    if not state.exists() and not any(args.checkpoint_dir.glob(f"{prefix.name}-[1-9]*")):
        save(0)
        return 0, save
    last, epochs = last_checkpoint(args.checkpoint_dir)
    if not last:
        parser.error(f"{state}: missing, damaged or not whole")
    try:
        shapes = tf.train.load_checkpoint(last).get_variable_to_shape_map()
        if shapes != {v.op.name: v.shape.as_list() for v in tf.global_variables()}:
            parser.error(f"{last}: the checkpoint of another network")
        saver.restore(sess, last)
    except (tf.errors.OpError, ValueError):
        parser.error(f"{last}: missing, damaged or not whole")
    remove_leftovers(prefix, last)

    begun, _, begun_data = sess.run(settings).decode().partition(" data ")
    print(f"{parser.prog}: {'going on' if epochs < args.training_epochs else 'nothing left to train'} after epoch "
          f"{epochs}, {last}, begun with {begun}" + (f", now with {now}" if now != begun else "")
          + (", now with other training data" if data != begun_data else ""), file=sys.stderr)
    return epochs, save


def remove_leftovers(prefix, last):
    """Remove the checkpoints that begin with the Path `prefix`, half-written ones too, all but `last`."""
    parts = re.escape(prefix.name) + r"-\d+\.(index|data-00000-of-00001)(\.tempstate\d+)?|checkpoint\.tmp[0-9a-f]{32}"
    for file in prefix.parent.iterdir():
        if re.fullmatch(parts, file.name) and file.stem != Path(last).name:
            file.unlink()


def open_log(args, sess, network, mnist, first_epoch):
    """Write the graph to --log-dir, for TensorBoard. Return a function log(epochs, cost), to add an epoch's costs."""
    if not args.log_dir:
        return lambda epochs, cost: None
    # Not with tf.summary.FileWriter: it writes in a thread, where what goes wrong ends in two tracebacks.
    path = args.log_dir / f"events.out.tfevents.{time.time():.6f}.{os.getpid()}"
    writer = tf.python_io.TFRecordWriter(str(path))

    def write(**event):
        writer.write(tf.Event(wall_time=time.time(), **event).SerializeToString())
        writer.flush()

    write(file_version="brain.Event:2")
    write(graph_def=sess.graph.as_graph_def(add_shapes=True).SerializeToString())
    # This makes TensorBoard drop what an earlier run in the same directory has logged from here on.
    write(step=first_epoch + 1, session_log=tf.SessionLog(status=tf.SessionLog.START))

    def log(epochs, cost):
        summary = tf.Summary()
        summary.value.add(tag="cost", simple_value=cost)
        validation_cost = sess.run(network.cost, feed_dict={network.X: mnist.validation.images})
        summary.value.add(tag="validation_cost", simple_value=validation_cost)
        write(step=epochs, summary=summary)
    return log


def written_file(output):
    """Return the file that is written for the Path `output`: where a symbolic link leads, or else `output` itself."""
    return Path(os.path.realpath(output)) if os.path.islink(output) else output


@contextlib.contextmanager
def saved_picture(output):
    """Save what the block draws to the Path `output`, whole or not at all; say so; show it where there is a window."""
    target = written_file(output)
    part = target.with_name(f".{os.getpid()}.part")  # a short name: that of `output` may be as long as a name can be
    picture = io.BytesIO()
    try:
        yield
        plt.savefig(picture, format=output.suffix[1:].lower())
        part.write_bytes(picture.getvalue())
        part.replace(target)
    except Exception as err:  # Matplotlib raises all kinds: for more pixels than a format can hold, without LaTeX, ...
        plt.close()
        if traceback.extract_tb(err.__traceback__)[-1].filename == __file__:
            raise  # a mistake in draw() itself: show where
        raise OSError(None, getattr(err, "strerror", None) or str(err) or repr(err), str(output)) from err
    finally:
        part.unlink(missing_ok=True)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # which may lack some characters of the name
    print(f"Saved {output}".encode(encoding, "backslashreplace").decode(encoding), flush=True)
    if plt.gcf().canvas.required_interactive_framework or "inline" in plt.get_backend():
        plt.show()
    else:
        plt.close()  # nothing shows it, and figures that stay open pile up


if __name__ == "__main__":
    if not gc.get_freeze_count():  # once is enough where a notebook runs the script again
        gc.freeze()  # garbage collection passes over all that is imported: the process ends 0.7 seconds sooner
    gc.enable()
    main()
