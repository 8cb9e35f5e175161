"""Measures what the article claims: trains its two networks, and others of more or fewer layers, from several seeds.

    pip install scikit-learn && python tests/measure_claims.py

Prints two tables, and draws reconstructions.png, codes.png and training.png in claims/. It takes an hour or two on two
cores. Each finished training becomes a line of claims/runs.jsonl. If the program is started again, it skips those.
"""
import json
import os
import sys
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

INITIALIZERS = {"normal": "article's init", "xavier": "xavier"}
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
                    "xavier": (tf.variance_scaling_initializer(16, "fan_avg", "uniform"), tf.zeros)}[initializer]
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
    """Return the leave-one-out accuracy of codes (n, 2), each given the label that most of its k neighbours have."""
    neighbours = NearestNeighbors(n_neighbors=k).fit(codes).kneighbors(return_distance=False)
    votes = np.eye(10)[labels[neighbours]].sum(axis=1)
    most = votes == votes.max(axis=1, keepdims=True)
    # A code counts in part if several labels have the most votes and the right one is among them.
    return np.mean(most[np.arange(len(labels)), labels] / most.sum(axis=1))


def pca_results(components, train, images):
    """Return the codes of images (n, 784) and their reconstructions (not clipped) by a PCA fitted on train (m, 784)."""
    pca = PCA(components, svd_solver="covariance_eigh").fit(train)  # exact, where the default may be random
    codes = pca.transform(images)
    return codes, pca.inverse_transform(codes)


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
    for n, run in enumerate(todo, 1):
        measured = results[key(run)] = train(run, [first, last], data_dir)
        with file.open("a", encoding="utf-8") as f:
            f.write(json.dumps([key(run), measured]) + "\n")
        print(f"{n} of {len(todo)}: {run}, test MSE {measured[str(last)]['test_mse']:.6f}", file=sys.stderr)

    mnist = input_data.read_data_sets(data_dir)
    images, labels = mnist.test.images, mnist.test.labels
    (_, pca_128), (pca_codes, pca_2) = (pca_results(n, mnist.train.images, images) for n in (128, 2))
    mean_image_mse, pca_128_mse, pca_2_mse = (np.mean((images - reconstructions) ** 2) for reconstructions in (
        mnist.train.images.mean(axis=0), pca_128, pca_2))
    pca_accuracy = neighbour_accuracy(pca_codes, labels)

    def test_mse(run, epochs):
        return results[key(run)][str(epochs)]["test_mse"]

    def accuracy(run, epochs):
        return neighbour_accuracy(results[key(run)][str(epochs)]["drawn"], labels)

    # The claim, the verdict, what is measured, the encoder, the measure, which value is the best, and PCA's value.
    rows = [
        ('"a high degree of restoration", "similar to PCA"', "only with xavier", "MSE, `autoencoder_recon.py`",
         RECON, test_mse, min, pca_128_mse),
        ('"similar to PCA"', "yes, better", "MSE, `encoder_2d.py`", ENCODER, test_mse, min, pca_2_mse),
        ('"better clustering effect"', "yes, better than PCA", "accuracy, `encoder_2d.py`",
         ENCODER, accuracy, max, pca_accuracy),
        ("more training cycles: better", "yes", f"MSE relative to {first} epochs, `autoencoder_recon.py`",
         RECON, lambda run, epochs: test_mse(run, epochs) / test_mse(run, first), min, None),
        ("more layers: better", "no", "MSE, 784→128", DEPTHS[0], test_mse, min, pca_128_mse),
        ("", "", "MSE, 784→256→128", DEPTHS[1], test_mse, min, pca_128_mse),
        ("", "", "MSE, 784→512→256→128", DEPTHS[2], test_mse, min, pca_128_mse),
    ]
    columns = [f"{name}, {epochs} epochs" for name in INITIALIZERS.values() for epochs in (first, last)]
    means = [f"| claim | verdict | measured | {' | '.join(columns)} | PCA |", "|---" * (len(columns) + 4) + "|"]
    deviations = [f"| measured | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for claim, verdict, measured, n_hidden, measure, best, pca in rows:
        values = [[measure(Run(n_hidden, initializer, seed), epochs) for seed in seeds]
                  for initializer in INITIALIZERS for epochs in (first, last)]
        compared = [*np.mean(values, axis=1), *([] if pca is None else [pca])]
        cells = [f"**{value:.3f}**" if value == best(compared) else f"{value:.3f}" for value in compared]
        means.append(f"| {claim} | {verdict} | {measured} | {' | '.join(cells)} |")
        cells = [f"{np.std(cell, ddof=len(cell) > 1):.4f}" for cell in values]
        deviations.append(f"| {measured} | {' | '.join(cells)} |")
    print("\n".join([*means, "", *deviations, ""]))
    print(f"MSE of the mean image: {mean_image_mse:.4f}")

    plt.rcParams["font.size"] = 17
    rows, panels = {"original": images[:10]}, {}
    for initializer, name in INITIALIZERS.items():
        network, encoder = (Run(n_hidden, initializer, seeds[0]) for n_hidden in (RECON, ENCODER))
        rows[f"{name}\nMSE {test_mse(network, first):.3f}"] = results[key(network)][str(first)]["drawn"]
        panels[f"{name}: {accuracy(encoder, first):.2f}"] = results[key(encoder)][str(first)]["drawn"]
    rows[f"PCA, 128 components\nMSE {pca_128_mse:.3f}"] = pca_128[:10]
    panels[f"PCA: {pca_accuracy:.2f}"] = pca_codes

    f, a = plt.subplots(len(rows), 10, figsize=(13.2, len(rows) + 0.5), subplot_kw={"xticks": [], "yticks": []})
    f.subplots_adjust(left=3.1 / 13.2, right=0.995, bottom=0.02, top=len(rows) / (len(rows) + 0.5), hspace=0.05)
    f.suptitle(f"autoencoder_recon.py, {first} epochs, seed {seeds[0]}", y=0.99, va="top")
    for row, (name, drawn) in zip(a, rows.items()):
        row[0].set_ylabel(name, rotation="horizontal", ha="right", va="center")
        for ax, image in zip(row, drawn):
            ax.imshow(np.reshape(image, (28, 28)), vmin=0, vmax=1)
    plt.savefig(output_dir / "reconstructions.png")

    f, a = plt.subplots(1, len(panels), figsize=(15, 5.4), layout="constrained")
    for ax, (title, codes) in zip(a, panels.items()):
        plt.sca(ax)
        with plt.rc_context({"font.size": 12}):  # so that no digit hides another
            encoder_2d.draw(np.asarray(codes), labels)
        ax.set(title=title, xticks=[], yticks=[], xlabel="", ylabel="")
    f.colorbar(ax.collections[0], ax=a, ticks=range(10), label="digit", pad=0.01, aspect=30)
    plt.savefig(output_dir / "codes.png")

    f, a = plt.subplots(1, len(SCRIPTS), figsize=(15, 5.4), layout="constrained")
    for ax, (n_hidden, script) in zip(a, SCRIPTS.items()):
        for color, (initializer, name) in zip(["C3", "C0"], INITIALIZERS.items()):
            measured = results[key(Run(n_hidden, initializer, seeds[0]))]
            ax.plot(range(1, last + 1), measured["cost"], color, linestyle=":", label=f"{name}: cost")
            ax.plot(range(1, last + 1), measured["validation_cost"], color, label=f"{name}: validation cost")
        ax.set(title=f"{script.__name__}.py", xlabel="epoch", ylabel="cost (MSE)", ylim=(0, None))
        ax.legend(fontsize="small")
    plt.savefig(output_dir / "training.png")


if __name__ == "__main__":
    main()
