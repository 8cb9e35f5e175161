"""Times one epoch of real MNIST, batch size 256: the scripts' training beside what a reader would write otherwise.

In each round every way trains one epoch, one after the other in the same process, after a first round that isn't
counted. Keras' fit, which sets itself up anew in each call, trains two, of which the second is timed. The ratios are
medians over the rounds of the script's time by the other's in the same round. Then each script runs as a user starts
it, whole and with flags that leave the training out. Takes about five minutes on two cores.
"""
import argparse
import contextlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autoencoder_recon  # first, for it sets what TensorFlow says at import
import encoder_2d

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf

from mnist_data import input_data

BATCH_SIZE = autoencoder_recon.batch_size


def timed(epoch):
    """Return a function that returns the seconds that epoch() takes."""
    def seconds():
        start = time.perf_counter()
        epoch()
        return time.perf_counter() - start
    return seconds


def script_epoch(script, mnist):
    """Return a function that trains one epoch with the script's own run_training and returns its seconds."""
    args = script.make_parser().parse_args(["--training-epochs", "1"])
    sess = tf.Session(graph=tf.Graph())
    with sess.graph.as_default():
        network = script.build_network()
        sess.run(tf.global_variables_initializer())

    def epoch():
        with contextlib.redirect_stdout(None):
            script.run_training(sess, network, mnist, args, 0, lambda epochs: None, lambda epochs, cost: None)
    return timed(epoch)


def article_epoch(script, mnist):
    """Return a function that trains one epoch as the article's code does and returns its seconds."""
    sess = tf.Session(graph=tf.Graph())
    with sess.graph.as_default():
        network = script.build_network()
        X = network.X
        cost = tf.reduce_mean(tf.pow(X - network.y_pred, 2))
        optimizer = tf.train.AdamOptimizer(script.learning_rate).minimize(cost)
        sess.run(tf.global_variables_initializer())

    def epoch():
        for i in range(int(mnist.train.num_examples / BATCH_SIZE)):
            batch_xs, batch_ys = mnist.train.next_batch(BATCH_SIZE)
            _, c = sess.run([optimizer, cost], feed_dict={X: batch_xs})
    return timed(epoch)


def layer_units(script):
    """Return the units of all layers, X first, and the number of the layer without a sigmoid (or None)."""
    encoder = [value for name, value in sorted(vars(script).items()) if name.startswith("n_hidden_")]
    units = [script.n_input, *encoder, *encoder[-2::-1], script.n_input]
    return units, len(encoder) - 1 if script is encoder_2d else None


def keras_epoch(script, mnist, jit_compile):
    """Return a function that trains with Keras, same layers, optimizer and steps, and returns an epoch's seconds."""
    units, linear = layer_units(script)
    model = tf2.keras.Sequential([tf2.keras.Input((units[0],))] + [
        tf2.keras.layers.Dense(n, activation=None if layer == linear else "sigmoid")
        for layer, n in enumerate(units[1:])])
    model.compile(optimizer=tf2.keras.optimizers.Adam(script.learning_rate), loss="mse", jit_compile=jit_compile)
    images = mnist.train.images[:len(mnist.train.images) // BATCH_SIZE * BATCH_SIZE]

    def epoch():
        times = []
        end = tf2.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: times.append(time.perf_counter()))
        model.fit(images, images, batch_size=BATCH_SIZE, epochs=2, verbose=0, callbacks=[end])
        return times[1] - times[0]
    return epoch


def matmul_epoch(script, mnist):
    """Return a function that makes just the matrix products of one epoch's passes and returns their seconds."""
    units, _ = layer_units(script)
    rng = np.random.default_rng(0)
    layers = [(rng.random((BATCH_SIZE, a), np.float32), rng.random((a, b), np.float32),
               rng.random((BATCH_SIZE, b), np.float32)) for a, b in zip(units, units[1:])]

    def epoch():
        for i in range(int(mnist.train.num_examples / BATCH_SIZE)):
            for x, w, d in layers:
                x @ w
            for layer, (x, w, d) in reversed(list(enumerate(layers))):
                x.T @ d
                if layer > 0:  # nobody needs the gradient by X
                    d @ w.T
    return timed(epoch)


def process_seconds(command):
    """Return the seconds that a command takes, from its start to its end, in a directory of its own."""
    with tempfile.TemporaryDirectory() as directory:
        return timed(lambda: subprocess.run(command, cwd=directory, check=True, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL))()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--data-dir", default=Path(autoencoder_recon.__file__).parent / "mnist_data")
    args = parser.parse_args(argv)
    mnist = input_data.read_data_sets(args.data_dir)
    cpu = platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), cpu)
    print(f"{os.cpu_count()} cores, {cpu}, Python {platform.python_version()}, "
          f"TensorFlow {tf.__version__}, NumPy {np.__version__}, {args.rounds} rounds")
    print("| one epoch of | by | median | shortest to longest | script ÷ this |\n|---|---|---|---|---|")
    for script in (autoencoder_recon, encoder_2d):
        ways = {
            "the script": script_epoch(script, mnist),
            "the article's loop": article_epoch(script, mnist),
            "Keras fit": keras_epoch(script, mnist, jit_compile=False),
            "Keras fit, jit_compile": keras_epoch(script, mnist, jit_compile=True),
            "matrix products alone": matmul_epoch(script, mnist),
        }
        times = {way: [] for way in ways}
        for _ in range(1 + args.rounds):
            for way, epoch in ways.items():
                time.sleep(0.1)  # the threads of the way before go on looking for work for a while
                times[way].append(epoch())
        times = {way: seconds[1:] for way, seconds in times.items()}
        own = np.array(times["the script"])
        for way, values in times.items():
            print(f"| `{script.__name__}.py` | {way} | {np.median(values):.2f} s | {min(values):.2f} to "
                  f"{max(values):.2f} s | {np.median(own / values):.2f} |", flush=True)
    print("\n| as a process | median | shortest to longest | ÷ the bare import |\n|---|---|---|---|")
    commands = {"the bare import": [sys.executable, "-c", "import matplotlib.pyplot, numpy, tensorflow.compat.v1"]}
    for script in (autoencoder_recon, encoder_2d):
        for flags in ("--help", "--training-epochs 0", ""):
            commands[f"`{script.__name__}.py {flags}`".replace(" `", "`")] = [
                sys.executable, script.__file__, *flags.split()]
    for command in commands.values():
        process_seconds(command)  # once, so that all files have been read
    times = {name: [] for name in commands}
    for _ in range(args.rounds):
        for name, command in commands.items():
            times[name].append(process_seconds(command))
    bare = np.array(times["the bare import"])
    for name, values in times.items():
        print(f"| {name} | {np.median(values):.1f} s | {min(values):.1f} to {max(values):.1f} s | "
              f"{np.median(values / bare):.2f} |")


if __name__ == "__main__":
    main()
