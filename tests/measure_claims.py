"""Measures what the article claims: trains its two networks, and others of more or fewer layers, from several seeds.

    pip install scikit-learn && python tests/measure_claims.py

Prints a table, and draws reconstructions.png and codes.png in claims/. It takes an hour on two cores, and says how much
is left. Each finished training is a line of claims/runs.jsonl: started again, the program goes on from there.
"""
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
from matplotlib.patheffects import withStroke
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


def build_autoencoder(n_hidden, seed, initializer):
    """Build autoencoder_recon's network with encoder layers of n_hidden units; return what build_network returns."""
    tf.set_random_seed(seed)
    weight, bias = {"normal": (tf.random_normal, tf.random_normal),
                    "xavier": (tf.variance_scaling_initializer(4**2, "fan_avg", "uniform"), tf.zeros)}[initializer]
    units = [784, *n_hidden, *n_hidden[-2::-1], 784]
    outputs = [X := tf.placeholder("float", [None, 784])]
    for before, after in zip(units, units[1:]):
        w, b = tf.Variable(weight([before, after])), tf.Variable(bias([after]))
        outputs.append(tf.nn.sigmoid(tf.matmul(outputs[-1], w) + b))
    cost = tf.reduce_mean(tf.square(X - outputs[-1]))
    return X, outputs[len(n_hidden)], outputs[-1], cost, tf.train.AdamOptimizer(0.01).minimize(cost)


def train(run, all_epochs, data_dir):
    """Train as the scripts do, for the largest number in all_epochs. Return what is measured, as a dict for JSON.

    "cost" and "validation_cost" are lists with a number for each epoch: the cost of its last batch, and the cost of the
    validation set after it. For each number in all_epochs, written as text, there is a dict with the "test_mse" and
    with what is "drawn": all test codes of encoder_2d's network, the first ten reconstructions of any other.
    """
    mnist = input_data.read_data_sets(data_dir, seed=run.seed)
    batch_size = autoencoder_recon.batch_size
    measured = {"cost": [], "validation_cost": []}
    with tf.Graph().as_default(), tf.Session() as sess:
        build = partial(build_autoencoder, run.n_hidden)
        if run.n_hidden in SCRIPTS:
            build = SCRIPTS[run.n_hidden].build_network
        X, encoder_op, y_pred, cost, optimizer = build(seed=run.seed, initializer=run.initializer)
        sess.run(tf.global_variables_initializer())
        for epoch in range(1, max(all_epochs) + 1):
            for i in range(int(mnist.train.num_examples / batch_size)):
                batch_xs, batch_ys = mnist.train.next_batch(batch_size)
                _, c = sess.run([optimizer, cost], feed_dict={X: batch_xs})
            measured["cost"].append(float(c))
            measured["validation_cost"].append(float(sess.run(cost, feed_dict={X: mnist.validation.images})))
            if epoch in all_epochs:
                codes, images, mse = sess.run([encoder_op, y_pred, cost], feed_dict={X: mnist.test.images})
                drawn = codes if run.n_hidden == ENCODER else images[:10]
                measured[str(epoch)] = {"test_mse": float(mse), "drawn": drawn.astype(float).round(6).tolist()}
    return measured


def neighbour_accuracy(codes, labels, k=10):
    """Return the share of points, codes (n, 2), that have the label of most of their k nearest neighbours.

    labels: integers (n,) from 0 to 9. A point whose label has the most votes with others counts as its share of one.
    """
    neighbours = NearestNeighbors(n_neighbors=k).fit(codes).kneighbors(return_distance=False)
    votes = np.eye(10)[labels[neighbours]].sum(axis=1)
    most = votes == votes.max(axis=1, keepdims=True)
    return np.mean(most[np.arange(len(labels)), labels] / most.sum(axis=1))


def pca_results(components, train, images):
    """Return the codes of images (n, 784) and their reconstructions (not clipped) by a PCA fitted on train (m, 784)."""
    pca = PCA(components, svd_solver="covariance_eigh").fit(train)  # exact; else random with few images
    codes = pca.transform(images)
    return codes, pca.inverse_transform(codes)


def draw(restored, encoded, labels, directory):
    """Draw a dict of names and images (n, 784), a row each, and one of names and codes (m, 2), a panel each."""
    n = len(restored["original"])
    f, a = plt.subplots(len(restored), n, figsize=(n + 1.6, len(restored)), subplot_kw=dict(xticks=[], yticks=[]),
                        gridspec_kw=dict(left=1.5 / (n + 1.6), right=0.99, bottom=0.02, top=0.98, hspace=0.05))
    for row, (name, images) in zip(a, restored.items()):
        row[0].set_ylabel(name, rotation="horizontal", ha="right", va="center")
        for ax, image in zip(row, images):
            ax.imshow(np.reshape(image, (28, 28)), vmin=0, vmax=1)
    plt.savefig(directory / "reconstructions.png")
    f, a = plt.subplots(1, len(encoded), figsize=(5.5 * len(encoded) + 0.8, 5.5), layout="constrained")
    for ax, (name, codes) in zip(a, encoded.items()):
        codes = np.asarray(codes)[:, :2]
        points = ax.scatter(*codes.T, c=labels, cmap="tab10", vmin=-0.5, vmax=9.5, s=2, linewidths=0)
        ax.set_title(name)
        for digit in np.unique(labels) if "PCA" not in name else []:  # PCA's medians lie on each other
            ax.text(*np.median(codes[labels == digit], axis=0), digit, weight="bold", ha="center", va="center",
                    path_effects=[withStroke(linewidth=2, foreground="white")])
    f.colorbar(points, ax=a, ticks=range(10), label="digit")
    plt.savefig(directory / "codes.png")


def main(seeds=(0, 1, 2, 3, 4), first=10, last=50, data_dir=Path(autoencoder_recon.__file__).parent / "mnist_data",
         output_dir=Path("claims")):
    runs = [Run(n_hidden, initializer, seed)
            for n_hidden in [ENCODER, *DEPTHS] for initializer in INITIALIZERS for seed in seeds]
    output_dir.mkdir(parents=True, exist_ok=True)
    file = output_dir / "runs.jsonl"
    results = dict(map(json.loads, file.read_text("utf-8").splitlines())) if file.exists() else {}

    def key(run):
        return f"{run}, {first} and {last} epochs, {data_dir}"

    todo = [run for run in runs if key(run) not in results]
    # A training takes a time for each weight of its encoder, and a time that all take.
    start, work = time.time(), np.cumsum([np.dot((784, *run.n_hidden[:-1]), run.n_hidden) + 150_000 for run in todo])
    for done, run in enumerate(todo):
        measured = results[key(run)] = train(run, [first, last], data_dir)
        with file.open("a", encoding="utf-8") as f:
            f.write(json.dumps([key(run), measured]) + "\n")
        left = (time.time() - start) * (work[-1] / work[done] - 1) / 60
        print(f"{done + 1} of {len(todo)}: {run}, test MSE {measured[str(last)]['test_mse']:.6f}; "
              f"about {left:.0f} minutes left", file=sys.stderr, flush=True)

    def each_seed(what, n_hidden, initializer, epochs):
        return [results[key(Run(n_hidden, initializer, seed))][str(epochs)][what] for seed in seeds]

    def row(claim, measured, values, *compare, digits=4):
        """Print a row of the table: mean and standard deviation of the values for each init and number of epochs."""
        cells = [values(initializer, epochs) for initializer in INITIALIZERS for epochs in (first, last)]
        cells = [f"{np.mean(cell):.{digits}f} ± {np.std(cell, ddof=len(cell) > 1):.{digits}f}" for cell in cells]
        print(f"| {' | '.join([claim, measured, *cells, '; '.join(compare)])} |")

    def mse_row(claim, n_hidden, *compare):
        name = f"`{SCRIPTS[n_hidden].__name__}.py`" if n_hidden in SCRIPTS else "→".join(map(str, (784, *n_hidden)))
        row(claim, f"MSE of {name}", partial(each_seed, "test_mse", n_hidden), *compare)

    mnist = input_data.read_data_sets(data_dir)
    images, labels = mnist.test.images, mnist.test.labels
    (_, pca_128), (pca_codes, pca_2) = (pca_results(n, mnist.train.images, images) for n in (128, 2))
    mean_mse, pca_128_mse, pca_2_mse = (f"{np.mean((images - reconstructions) ** 2):.4f}" for reconstructions in (
        mnist.train.images.mean(axis=0), pca_128, pca_2))
    codes = partial(each_seed, "drawn", ENCODER)
    columns = [f"{name}, {epochs} epochs" for name in INITIALIZERS.values() for epochs in (first, last)]
    print(f"| the article's claim | measured on the test set | {' | '.join(columns)} | to compare |")
    print("|---" * (len(columns) + 3) + "|")
    mse_row('"a high degree of restoration"; "similar to PCA"', RECON,
            f"PCA, 128 components: {pca_128_mse}", f"the mean image for all: {mean_mse}")
    mse_row('"similar to PCA"', ENCODER, f"PCA, 2 components: {pca_2_mse}")
    row('"better clustering effect"', "share of digits that have the label of most of their 10 nearest neighbours",
        lambda *which: [neighbour_accuracy(one, labels) for one in codes(*which)],
        f"PCA, 2 components: {neighbour_accuracy(pca_codes, labels):.3f}", digits=3)
    mse_row("better with more layers", DEPTHS[0])
    mse_row("better with more layers", DEPTHS[2])

    restored, encoded = {"original": images[:10]}, {}
    for initializer, name in INITIALIZERS.items():
        restored[name] = each_seed("drawn", RECON, initializer, first)[0]
        encoded[f"encoder_2d.py, {name}"] = codes(initializer, first)[0]
    restored["PCA"], encoded["PCA, 2 components"] = pca_128[:10], pca_codes
    draw(restored, encoded, labels, output_dir)


if __name__ == "__main__":
    main()
