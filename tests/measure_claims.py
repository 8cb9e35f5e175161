"""Measures what the article claims: trains its two networks, and others of more or fewer layers, from several seeds.

    pip install scikit-learn && python tests/measure_claims.py

Prints two tables, and draws reconstructions.png and codes.png in --output-dir. With the defaults it trains for an hour
on two cores; stderr tells how much of that is left. Each finished training is a line of runs.jsonl in --output-dir:
started again, the program goes on from there.
"""
import argparse
import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

os.environ["MPLBACKEND"] = "Agg"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autoencoder_recon  # before TensorFlow: hides most of its messages
import encoder_2d

import matplotlib.pyplot as plt
import numpy as np
import tensorflow.compat.v1 as tf
from numpy_network import layers
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from mnist_data import input_data

INITIALIZERS = {"normal": "the article's init", "xavier": "--init xavier"}
# Units of the encoder's layers, in the two scripts and in other autoencoders.
RECON, ENCODER = (tuple(units for _, _, _, units, _ in layers(script)[:len(layers(script)) // 2])
                  for script in (autoencoder_recon, encoder_2d))
SCRIPTS = {RECON: autoencoder_recon, ENCODER: encoder_2d}
DEPTHS = [(128,), RECON, (512, 256, 128)]


class Run(NamedTuple):
    """One training."""
    n_hidden: tuple  # units of the encoder's layers
    initializer: str
    seed: int
    learning_rate: float = autoencoder_recon.learning_rate


def build_autoencoder(n_hidden, learning_rate, seed, initializer):
    """Build autoencoder_recon's network with encoder layers of n_hidden units; return what build_network returns."""
    tf.set_random_seed(seed)
    weight, bias = {"normal": (tf.random_normal, tf.random_normal),
                    "xavier": (tf.variance_scaling_initializer(4**2, "fan_avg", "uniform"), tf.zeros)}[initializer]
    units = [784, *n_hidden, *n_hidden[-2::-1], 784]
    outputs = [X := tf.placeholder("float", [None, 784])]
    for before, after in zip(units, units[1:]):
        w, b = tf.Variable(weight([before, after])), tf.Variable(bias([after]))
        outputs.append(tf.nn.sigmoid(tf.matmul(outputs[-1], w) + b))
    cost = tf.nn.l2_loss(X - outputs[-1]) * (2 / tf.cast(tf.size(X), tf.float32))
    return X, outputs[len(n_hidden)], outputs[-1], cost, tf.train.AdamOptimizer(learning_rate).minimize(cost)


def train(run, all_epochs, data_dir):
    """Train as the scripts do. Return what is measured after each of all_epochs: a dict with the test MSE, and with
    what is drawn, as lists: of encoder_2d's network all codes, of the others the first ten reconstructions."""
    mnist = input_data.read_data_sets(data_dir, seed=run.seed)
    batch_size = autoencoder_recon.batch_size
    measured = {}
    with tf.Graph().as_default(), tf.Session() as sess:
        build = partial(build_autoencoder, run.n_hidden)
        if run.n_hidden in SCRIPTS:
            build = SCRIPTS[run.n_hidden].build_network
        X, encoder_op, y_pred, cost, optimizer = build(run.learning_rate, run.seed, run.initializer)
        sess.run(tf.global_variables_initializer())
        for epoch in range(1, max(all_epochs) + 1):
            for i in range(int(mnist.train.num_examples / batch_size)):
                batch_xs, batch_ys = mnist.train.next_batch(batch_size)
                sess.run(optimizer, feed_dict={X: batch_xs})
            if epoch in all_epochs:
                codes, images, mse = sess.run([encoder_op, y_pred, cost], feed_dict={X: mnist.test.images})
                drawn = codes if run.n_hidden == ENCODER else images[:10]
                measured[str(epoch)] = {"test_mse": float(mse), "drawn": drawn.astype(float).round(6).tolist()}
    return measured


def neighbour_accuracy(codes, labels, k=10):
    """Return the share of points whose label most of their k nearest neighbours have: leave-one-out.

    codes: float (n, 2). labels: integers (n,) from 0 to 9. Where several labels have the most votes, and a point's own
    is one of them, the point counts as its share of one.
    """
    neighbours = NearestNeighbors(n_neighbors=k).fit(codes).kneighbors(return_distance=False)
    votes = np.eye(10)[labels[neighbours]].sum(axis=1)
    most = votes == votes.max(axis=1, keepdims=True)
    return np.mean(most[np.arange(len(labels)), labels] / most.sum(axis=1))


def reconstruct(pca, images):
    """Return the reconstructions of images (n, 784) by a fitted PCA, not clipped to [0, 1]."""
    return pca.inverse_transform(pca.transform(images))


def draw_reconstructions(rows, path):
    """Draw a dict of row names and images (n, 784), one row each, and save the picture."""
    n = len(next(iter(rows.values())))
    f, a = plt.subplots(len(rows), n, figsize=(n + 1.6, len(rows)), subplot_kw=dict(xticks=[], yticks=[]),
                        gridspec_kw=dict(left=1.5 / (n + 1.6), right=0.99, bottom=0.02, top=0.98, hspace=0.05))
    for row, (name, images) in zip(a, rows.items()):
        row[0].set_ylabel(name, rotation="horizontal", ha="right", va="center")
        for ax, image in zip(row, images):
            ax.imshow(np.reshape(image, (28, 28)), vmin=0, vmax=1)
    plt.savefig(path)


def draw_codes(panels, labels, path):
    """Draw a dict of panel names and codes (n, 2) side by side, coloured by label, and save the picture."""
    f, a = plt.subplots(1, len(panels), figsize=(5.5 * len(panels) + 0.8, 5.5), layout="constrained")
    for ax, (name, codes) in zip(a, panels.items()):
        points = ax.scatter(*np.transpose(codes)[:2], c=labels, cmap="tab10", vmin=-0.5, vmax=9.5, s=2, linewidths=0)
        ax.set_title(name)
    f.colorbar(points, ax=a, ticks=range(10), label="digit")
    plt.savefig(path)


def print_table(*rows):
    for row in (rows[0], ["---"] * len(rows[0]), *rows[1:]):
        print(f"| {' | '.join(row)} |")
    print()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, nargs=2, default=[10, 50])
    parser.add_argument("--data-dir", type=Path, default=Path(autoencoder_recon.__file__).parent / "mnist_data")
    parser.add_argument("--output-dir", type=Path, default=Path("claims"))
    args = parser.parse_args(argv)
    first, last = args.epochs
    runs = [Run(n_hidden, initializer, seed)
            for n_hidden in [ENCODER, *DEPTHS] for initializer in INITIALIZERS for seed in args.seeds]
    runs += [Run(n_hidden, "xavier", seed, learning_rate)
             for n_hidden in DEPTHS[1:] for learning_rate in (0.003, 0.001) for seed in args.seeds]
    args.output_dir.mkdir(parents=True, exist_ok=True)
    file = args.output_dir / "runs.jsonl"
    results = dict(map(json.loads, file.read_text("utf-8").splitlines())) if file.exists() else {}

    def key(run):
        return f"{run}, {first} and {last} epochs, {args.data_dir}"

    todo = [run for run in runs if key(run) not in results]
    # A training takes a time for each weight of its encoder, and a time that all take.
    start, work = time.time(), np.cumsum([np.dot((784, *run.n_hidden[:-1]), run.n_hidden) + 150_000 for run in todo])
    for done, run in enumerate(todo):
        measured = results[key(run)] = train(run, args.epochs, args.data_dir)
        with file.open("a", encoding="utf-8") as f:
            f.write(json.dumps([key(run), measured]) + "\n")
        left = (time.time() - start) * (work[-1] / work[done] - 1) / 60
        print(f"{done + 1} of {len(todo)}: {run}, test MSE {measured[str(last)]['test_mse']:.6f}; "
              f"about {left:.0f} minutes left", file=sys.stderr, flush=True)

    def each_seed(what, epochs, n_hidden, initializer, *rate):
        return [results[key(Run(n_hidden, initializer, seed, *rate))][str(epochs)][what] for seed in args.seeds]

    def spread(values, digits=4):
        return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=min(1, len(values) - 1)):.{digits}f}"

    def costs(epochs, n_hidden):
        return [spread(each_seed("test_mse", epochs, n_hidden, initializer)) for initializer in INITIALIZERS]

    mnist = input_data.read_data_sets(args.data_dir)
    images, labels = mnist.test.images, mnist.test.labels
    pca, pca_2 = PCA(RECON[-1]).fit(mnist.train.images), PCA(ENCODER[-1]).fit(mnist.train.images)

    def mse(reconstructions):
        return f"{np.mean((images - reconstructions) ** 2):.4f}"

    codes = {initializer: each_seed("drawn", first, ENCODER, initializer) for initializer in INITIALIZERS}
    accuracy = [spread([neighbour_accuracy(one, labels) for one in codes[initializer]], 3) for initializer in codes]
    recon, encoder = "test MSE of `autoencoder_recon.py`", "test MSE of `encoder_2d.py`"
    neighbours = "share of test digits with the label of most of their 10 nearest neighbours in the plane"
    print_table(
        ["the article's claim", "measured", "the article's settings", "`--init xavier`", "to compare"],
        ['"a high degree of restoration"', f"{recon}, {first} epochs", *costs(first, RECON),
         f"the mean image for every image: {mse(mnist.train.images.mean(axis=0))}"],
        ['more training cycles: "a better reduction"', f"{recon}, {last} epochs", *costs(last, RECON), ""],
        ["", f"{encoder}, {last} epochs", *costs(last, ENCODER), ""],
        ['"the principle is similar to PCA"', f"{recon}, {first} epochs", *costs(first, RECON),
         f"PCA, 128 components: {mse(reconstruct(pca, images))}"],
        ["", f"{encoder}, {first} epochs", *costs(first, ENCODER),
         f"PCA, 2 components: {mse(reconstruct(pca_2, images))}"],
        ['2-D codes: "better clustering effect"', f"{neighbours}, {first} epochs", *accuracy,
         f"PCA, 2 components: {neighbour_accuracy(pca_2.transform(images), labels):.3f}"])
    kinds = dict.fromkeys((run.n_hidden, run.initializer, run.learning_rate) for run in runs)
    print_table(
        ["units", "init", "learning rate", *(f"test MSE, {epochs} epochs" for epochs in args.epochs)],
        *(["→".join(map(str, (784, *n_hidden))), INITIALIZERS[initializer], str(rate),
           *(spread(each_seed("test_mse", epochs, n_hidden, initializer, rate)) for epochs in args.epochs)]
          for n_hidden, initializer, rate in kinds))

    rows = {name: each_seed("drawn", first, RECON, initializer)[0] for initializer, name in INITIALIZERS.items()}
    draw_reconstructions({"original": images[:10], **rows, "PCA": reconstruct(pca, images[:10])},
                         args.output_dir / "reconstructions.png")
    draw_codes({**{f"encoder_2d.py, {INITIALIZERS[initializer]}": codes[initializer][0] for initializer in codes},
                "PCA, 2 components": pca_2.transform(images)}, labels, args.output_dir / "codes.png")


if __name__ == "__main__":
    main()
