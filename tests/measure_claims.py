"""Measure what the article claims: train its two networks, and others of more or fewer layers, from several seeds.
Measure, too, which layer's initial values make the restored digits poor.

    pip install scikit-learn && python tests/measure_claims.py

Print two tables and a few lines, and draw reconstructions.png, codes.png and training.png in claims/. On two cores,
this takes an hour or two. Each finished training becomes a line of claims/runs.jsonl and is not repeated: the program
can be stopped at any time and started again. If you change a script, or go to another machine, remove claims/ first.
"""
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

os.environ["MPLBACKEND"] = "Agg"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import autoencoder_recon  # before TensorFlow: hides most of its messages
import encoder_2d

import matplotlib.pyplot as plt
import numpy as np
import tensorflow.compat.v1 as tf
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from mnist_data import input_data

INITIALIZERS = {"normal": "article's init", "xavier": "xavier"}
# Units of the encoder's layers, in the two scripts and in other autoencoders.
RECON, ENCODER = (256, 128), (128, 64, 10, 2)
SCRIPTS = {RECON: autoencoder_recon, ENCODER: encoder_2d}
DEPTHS = [(128,), RECON, (512, 256, 128)]
# Layers of autoencoder_recon.py that begin as with --init xavier, where the others have the article's initial values.
LAYERS = ["encoder_h1", "encoder_h2", "decoder_h1", "decoder_h2"]
MIXED = {"all but decoder_h2": LAYERS[:3], **{layer: [layer] for layer in LAYERS}}


class Run(NamedTuple):
    """One training."""
    n_hidden: tuple  # units of the encoder's layers
    initializer: str  # "normal", "xavier", a key of MIXED, or "today", which stands for all that one would do today
    seed: int


def build_network(n_hidden, initializer, seed):
    """Build the network of a Run in the default graph. Return what the scripts' build_network returns."""
    learning_rate = autoencoder_recon.learning_rate
    if n_hidden in SCRIPTS and initializer in INITIALIZERS:
        return SCRIPTS[n_hidden].build_network(learning_rate, seed, initializer)
    if initializer in MIXED:
        return autoencoder_recon.build_network(learning_rate, seed)
    tf.set_random_seed(seed)
    activation = tf.nn.sigmoid
    if initializer == "normal":
        weight, bias = tf.random_normal, tf.random_normal
    elif initializer == "xavier":
        weight, bias = tf.variance_scaling_initializer(4**2, "fan_avg", "uniform"), tf.zeros
    else:
        weight, bias, activation, learning_rate = tf.glorot_uniform_initializer(), tf.zeros, tf.nn.relu, 0.001
    encoder_units = [784, *n_hidden]
    units = encoder_units + encoder_units[-2::-1]  # and back to 784
    outputs = [tf.placeholder("float", [None, 784])]
    for before, after in zip(units, units[1:]):
        z = tf.matmul(outputs[-1], tf.Variable(weight([before, after]))) + tf.Variable(bias([after]))
        last = len(outputs) == len(units) - 1
        outputs.append(tf.nn.sigmoid(z) if last else activation(z))
    X, encoder_op, y_pred = outputs[0], outputs[len(n_hidden)], outputs[-1]
    cost = tf.reduce_mean(tf.square(X - y_pred))
    return X, encoder_op, y_pred, cost, tf.train.AdamOptimizer(learning_rate).minimize(cost)


def start_as_xavier(sess, layers, seed):
    """Give the variables of these layers the initial values that they have with --init xavier."""
    with tf.Graph().as_default(), tf.Session() as xavier:
        autoencoder_recon.build_network(autoencoder_recon.learning_rate, seed, "xavier")
        xavier.run(tf.global_variables_initializer())
        values = xavier.run({v.op.name: v for v in tf.trainable_variables()})
    for v in tf.trainable_variables():
        if v.op.name.split("/")[1].replace("_b", "_h") in layers:  # weights/encoder_h1, biases/encoder_b1
            sess.run(v.assign(values[v.op.name]))


def train(run, all_epochs, data_dir):
    """Train as the scripts do, for the largest number in all_epochs. Return what is measured, as a dict for JSON.

    "cost" and "validation_cost" are lists with a number for each epoch: the cost of its last batch, and the cost of the
    validation set after it. For each number in all_epochs, written as text, there is a dict with the "test_mse", with
    the "stuck_pixels", and with what is "drawn": all test codes of encoder_2d's network, the first ten reconstructions
    of any other.
    """
    mnist = input_data.read_data_sets(data_dir, seed=run.seed)
    batch_size = autoencoder_recon.batch_size
    measured = {"cost": [], "validation_cost": []}
    with tf.Graph().as_default(), tf.Session() as sess:
        X, encoder_op, y_pred, cost, optimizer = build_network(*run)
        sess.run(tf.global_variables_initializer())
        if run.initializer in MIXED:
            start_as_xavier(sess, MIXED[run.initializer], run.seed)
        for epoch in range(1, max(all_epochs) + 1):
            for i in range(int(mnist.train.num_examples / batch_size)):
                batch_xs, batch_ys = mnist.train.next_batch(batch_size)
                _, c = sess.run([optimizer, cost], feed_dict={X: batch_xs})
            measured["cost"].append(float(c))
            measured["validation_cost"].append(float(sess.run(cost, feed_dict={X: mnist.validation.images})))
            if epoch in all_epochs:
                codes, images = sess.run([encoder_op, y_pred], feed_dict={X: mnist.test.images})
                drawn = codes if run.n_hidden == ENCODER else images[:10]
                measured[str(epoch)] = {"test_mse": float(np.mean(np.square(mnist.test.images - images))),
                                        "stuck_pixels": stuck_pixels(images, mnist.test.images),
                                        "drawn": drawn.astype(float).round(6).tolist()}
    return measured


def stuck_pixels(reconstructions, images):
    """Return how many pixels are the same whatever the image is, and their part of the MSE.

    These are the pixels that are always above 0.99, and those that are always below 0.01 though some image needs them.
    """
    on = reconstructions.min(axis=0) > 0.99
    off = (reconstructions.max(axis=0) < 0.01) & (images.max(axis=0) > 0.01)
    errors = np.square(images - reconstructions).mean(axis=0)
    return int(on.sum()), int(off.sum()), float(errors[on | off].sum() / errors.sum())


def neighbour_accuracy(codes, labels, k=10):
    """Return how often the most frequent label of the k nearest other codes, in codes (n, 2), is the right one."""
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


def train_all(runs, data_dir, file):
    """Return what train() gives for each run. What the file has is not trained again; what is new is added to it.

    runs: a dict of the numbers of epochs after which each run is measured.
    """
    keys = {run: f"{run}, epochs {runs[run]}, {data_dir}" for run in runs}
    kept = dict(map(json.loads, file.read_text("utf-8").splitlines())) if file.exists() else {}
    todo = [run for run in runs if keys[run] not in kept]
    print(f"{len(todo)} networks to train. All that this program writes goes to {file.parent}/.\n"
          "You can stop it at any time and start it again: it does not repeat what is finished.", file=sys.stderr)
    for n, run in enumerate(todo, 1):
        measured = kept[keys[run]] = train(run, runs[run], data_dir)
        with file.open("a", encoding="utf-8") as f:
            f.write(json.dumps([keys[run], measured]) + "\n")
        mse = measured[str(max(runs[run]))]["test_mse"]
        print(f"{n} of {len(todo)}: {run}, {max(runs[run])} epochs, test MSE {mse:.6f}", file=sys.stderr)
    return {run: kept[keys[run]] for run in runs}


def main(seeds=(0, 1, 2, 3, 4), first=10, last=50, data_dir=Path(autoencoder_recon.__file__).parent / "mnist_data",
         output_dir=Path("claims")):
    output_dir.mkdir(parents=True, exist_ok=True)
    runs = {Run(RECON, mixed, seed): [first] for mixed in MIXED for seed in seeds}
    runs |= {Run(n_hidden, initializer, seed): [first, last]
             for n_hidden in [ENCODER, *DEPTHS] for initializer in INITIALIZERS for seed in seeds}
    runs |= {Run(RECON, "today", seed): [first, last] for seed in seeds}
    results = train_all(runs, data_dir, output_dir / "runs.jsonl")

    mnist = input_data.read_data_sets(data_dir)
    images, labels = mnist.test.images, mnist.test.labels
    _, pca_images = pca_results(128, mnist.train.images, images)
    pca_mse = np.mean((images - pca_images) ** 2)
    pca_codes, _ = pca_results(2, mnist.train.images, images)
    pca_accuracy = neighbour_accuracy(pca_codes, labels)
    mean_image_mse = np.mean((images - mnist.train.mean_image) ** 2)

    def test_mse(run, epochs):
        return results[run][str(epochs)]["test_mse"]

    def accuracy(run, epochs):
        return neighbour_accuracy(results[run][str(epochs)]["drawn"], labels)

    def over_seeds(measure, n_hidden, initializer, epochs):
        """Return the mean of the measure and its standard deviation."""
        values = [measure(Run(n_hidden, initializer, seed), epochs) for seed in seeds]
        return np.mean(values), np.std(values, ddof=len(seeds) > 1)

    # The claim, the verdict, what is measured, the encoder, the measure, which value is the best, and PCA's value.
    # The verdicts are ours, after reading the figures.
    rows = [
        ('"a high degree of restoration"', "only with xavier", "MSE, 784→256→128", RECON, test_mse, min, pca_mse),
        ("more layers: better", "no: the fewer, the better", "MSE, 784→512→256→128", DEPTHS[2], test_mse, min, pca_mse),
        ("", "", "MSE, 784→128", DEPTHS[0], test_mse, min, pca_mse),
        ('"better clustering effect"', "yes", "accuracy, 784→128→64→10→2", ENCODER, accuracy, max, pca_accuracy),
    ]
    columns = [(initializer, epochs) for initializer in INITIALIZERS for epochs in (first, last)]
    header = " | ".join(f"{INITIALIZERS[initializer]}, {epochs} epochs" for initializer, epochs in columns)
    print(f"| claim | verdict | measured | {header} | PCA |\n" + "|---" * (len(columns) + 4) + "|")
    for claim, verdict, measured, n_hidden, measure, best, pca in rows:
        values = [over_seeds(measure, n_hidden, *column) for column in columns]
        means = [*(mean for mean, deviation in values), pca]
        cells = [f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in values] + [f"{pca:.3f}"]
        best_cell = means.index(best(means))
        cells[best_cell] = f"**{cells[best_cell]}**"
        print(f"| {claim} | {verdict} | {measured} | {' | '.join(cells)} |")
    print(f"\n| layers of `autoencoder_recon.py` with Glorot's rule | MSE after {first} epochs |\n|---|---|")
    for layers, initializer in [("none", "normal"), *zip(MIXED, MIXED), ("all", "xavier")]:
        mean, deviation = over_seeds(test_mse, RECON, initializer, first)
        print(f"| {layers} | {mean:.3f} ± {deviation:.3f} |")
    by_seed = ", ".join(f"{test_mse(Run(RECON, 'normal', seed), first):.3f}" for seed in seeds)
    print(f"\nMSE of autoencoder_recon.py after {first} epochs, by seed: {by_seed}")
    for n_hidden, script in SCRIPTS.items():
        on, off, part = results[Run(n_hidden, "normal", seeds[0])][str(first)]["stuck_pixels"]
        print(f"{script.__name__}.py, {first} epochs, seed {seeds[0]}: {on} pixels stay at 1 and {off} at 0, "
              f"{part:.0%} of the MSE")
    for epochs in (first, last):
        mean, deviation = over_seeds(test_mse, RECON, "today", epochs)
        print(f"784→256→128 with ReLU, Glorot's weights and Adam at 0.001: MSE {mean:.4f} ± {deviation:.4f} "
              f"after {epochs} epochs")
    print(f"MSE of the mean image: {mean_image_mse:.4f}")

    with plt.style.context(["default", {"font.size": 17}]):
        digits, panels = {"original": images[:10]}, {}
        for initializer, name in INITIALIZERS.items():
            network, encoder = Run(RECON, initializer, seeds[0]), Run(ENCODER, initializer, seeds[0])
            digits[f"{name}\nMSE {test_mse(network, first):.3f}"] = results[network][str(first)]["drawn"]
            panels[f"{name}: {accuracy(encoder, first):.2f}"] = results[encoder][str(first)]["drawn"]
        digits[f"PCA, 128 components\nMSE {pca_mse:.3f}"] = pca_images[:10]
        panels[f"PCA: {pca_accuracy:.2f}"] = pca_codes
        draw_reconstructions(digits, f"autoencoder_recon.py, {first} epochs, seed {seeds[0]}")
        plt.savefig(output_dir / "reconstructions.png")
        draw_codes(panels, labels)
        plt.savefig(output_dir / "codes.png")
        draw_costs({run: measured for run, measured in results.items() if run.seed == seeds[0]})
        plt.savefig(output_dir / "training.png")


def draw_reconstructions(rows, title):
    """Draw rows of ten images (784), a dict by what is written beside them."""
    f, a = plt.subplots(len(rows), 10, figsize=(13.2, len(rows) + 0.5), subplot_kw={"xticks": [], "yticks": []})
    f.subplots_adjust(left=3.1 / 13.2, right=0.995, bottom=0.02, top=len(rows) / (len(rows) + 0.5), hspace=0.05)
    f.suptitle(title, y=0.99, va="top")
    for row, (name, drawn) in zip(a, rows.items()):
        row[0].set_ylabel(name, rotation="horizontal", ha="right", va="center")
        for ax, image in zip(row, drawn):
            ax.imshow(np.reshape(image, (28, 28)), vmin=0, vmax=1)


def draw_codes(panels, labels):
    """Draw codes (n, 2), a dict by titles, side by side, in the colours of their labels."""
    f, a = plt.subplots(1, len(panels), figsize=(15, 5.6), layout="constrained")
    for ax, (title, codes) in zip(a, panels.items()):
        plt.sca(ax)
        with plt.rc_context({"font.size": 12}):  # so that no digit hides another
            encoder_2d.draw(np.asarray(codes), labels)
        ax.set(title=title, xticks=[], yticks=[])
    f.colorbar(ax.collections[0], ax=a, ticks=range(10), label="digit", pad=0.01, aspect=30)


def draw_costs(results):
    """Draw the costs of the scripts' networks, from what train() gives, in the colours of the initial weights."""
    f, a = plt.subplots(1, len(SCRIPTS), figsize=(15, 5.4), layout="constrained")
    for ax, (n_hidden, script) in zip(a, SCRIPTS.items()):
        for run, measured in results.items():
            if run.n_hidden == n_hidden and run.initializer in INITIALIZERS:
                name, color = INITIALIZERS[run.initializer], {"normal": "C3", "xavier": "C0"}[run.initializer]
                epochs = range(1, len(measured["cost"]) + 1)
                ax.plot(epochs, measured["cost"], color, linestyle=":", label=f"{name}: cost")
                ax.plot(epochs, measured["validation_cost"], color, label=f"{name}: validation cost")
        ax.set(title=f"{script.__name__}.py", xlabel="epoch", ylabel="cost (MSE)", ylim=(0, None))
        ax.legend(fontsize="small")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\nStopped. Start it again, and it goes on after the last finished training.", file=sys.stderr)
        sys.tracebacklimit = 0
        raise  # Python then ends as after any Ctrl-C, so that a loop in the shell ends, too.
