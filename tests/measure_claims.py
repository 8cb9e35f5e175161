"""Measures the article's claims: trains both scripts, and networks of other depths, over seeds and both --init.

Writes claims.md (two tables), training.png, reconstructions.png and codes.png to --output-dir. With the defaults it
trains for an hour to an hour and a half on two cores; stderr shows how far it is. Each run is kept in --runs-dir
(0.6 GB in all), and the program, started again, goes on from what is there.
"""
import argparse
import contextlib
import functools
import io
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock

os.environ["MPLBACKEND"] = "Agg"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import matplotlib.pyplot as plt
import numpy as np
import tensorflow.compat.v1 as tf

import autoencoder_recon
import encoder_2d
from mnist_data import input_data

INITS = {"normal": "the article's init", "xavier": "--init xavier"}
# Encoders with a code as long as the script's, whose own is the second.
DEPTHS = [(128,), (256, 128), (512, 256, 128), (512, 256, 192, 128)]
# Which of them train with --init xavier at smaller learning rates, too, and at which.
SLOWER = [(256, 128), (512, 256, 128)], [0.003, 0.001]


class Run(NamedTuple):
    """One training, in all epochs that are asked for."""
    script: object  # the module
    n_hidden: tuple  # units of the encoder's layers
    init: str
    learning_rate: float
    seed: int

    def __str__(self):
        layers = "-".join(map(str, self.n_hidden))
        return f"{self.script.__name__}-{layers}-{self.init}-{self.learning_rate}-{self.seed}"


def encoder_units(script):
    """Return the units of the script's encoder layers, as a tuple."""
    return tuple(value for name, value in sorted(vars(script).items()) if name.startswith("n_hidden_"))


def build_autoencoder(n_hidden, learning_rate, seed, init):
    """Build autoencoder_recon's network with encoder layers of other widths, n_hidden; the decoder mirrors them.

    With the script's own widths this makes the very graph of its build_network, whose other arguments these are, too.
    """
    tf.set_random_seed(seed)
    X = tf.placeholder("float", [None, autoencoder_recon.n_input], name="X")
    initial_weight, initial_bias = {
        "normal": (tf.random_normal, tf.random_normal),
        "xavier": (tf.variance_scaling_initializer(16, "fan_avg", "uniform"), tf.zeros),
    }[init]
    units = [autoencoder_recon.n_input, *n_hidden]
    sizes = {"encoder": list(zip(units[:-1], units[1:])), "decoder": list(zip(units[:0:-1], units[-2::-1]))}
    layers = {part: range(1, len(n_hidden) + 1) for part in sizes}
    with tf.name_scope("weights"):
        weights = {f"{part}_h{k}": tf.Variable(initial_weight(sizes[part][k - 1]), name=f"{part}_h{k}")
                   for part in sizes for k in layers[part]}
    with tf.name_scope("biases"):
        biases = {f"{part}_b{k}": tf.Variable(initial_bias(sizes[part][k - 1][1:]), name=f"{part}_b{k}")
                  for part in sizes for k in layers[part]}

    def apply(part, x):
        with tf.name_scope(part):
            for k in layers[part]:
                x = tf.nn.sigmoid(tf.add(tf.matmul(x, weights[f"{part}_h{k}"]), biases[f"{part}_b{k}"]))
        return x

    encoder_op = apply("encoder", X)
    y_pred = apply("decoder", encoder_op)
    with tf.name_scope("cost"):
        cost = tf.nn.l2_loss(X - y_pred) * (2 / tf.cast(tf.size(X), tf.float32))
    with tf.name_scope("training"):
        optimizer = tf.train.AdamOptimizer(learning_rate).minimize(cost)
    return autoencoder_recon.Network(X, encoder_op, y_pred, cost, optimizer)


def fit_pca(images, components):
    """Return the mean (784,) of images (n, 784) and their first principal axes (784, components), in float64."""
    mean = images.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((images.shape[1], images.shape[1]))
    for block in np.array_split(images, len(images) // 5000 + 1):  # float64 of all images at once is large
        centred = block - mean
        covariance += centred.T @ centred
    return mean, np.linalg.eigh(covariance)[1][:, ::-1][:, :components]


def pca_codes(pca, images):
    """Return the codes (n, components) of images (n, 784)."""
    mean, axes = pca
    return (images - mean) @ axes


def pca_reconstructions(pca, images):
    """Return the reconstructions (n, 784) of images (n, 784) from their codes, not clipped to [0, 1]."""
    mean, axes = pca
    return mean + pca_codes(pca, images) @ axes.T


def neighbour_accuracy(codes, labels, k=10):
    """Return the share of points whose label most of their k nearest neighbours have: leave-one-out.

    codes: float (n, 2). labels: integers (n,) from 0 to 9. What lies as far as the k-th neighbour has a vote too.
    Where several labels have the most votes, and a point's own among them, the point counts as its share of one.
    """
    codes, one_hot = np.asarray(codes, np.float64), np.eye(10)[labels]
    right = 0.0
    for start in range(0, len(codes), 500):  # 500 rows of the distances at a time: 40 MB for 10,000 points
        rows = np.arange(start, min(start + 500, len(codes)))
        distances = ((codes[rows, None, 0] - codes[:, 0]) ** 2 + (codes[rows, None, 1] - codes[:, 1]) ** 2)
        distances[np.arange(len(rows)), rows] = np.inf
        farthest = np.partition(distances, k - 1, axis=1)[:, k - 1:k]
        votes = (distances <= farthest) @ one_hot
        most = votes == votes.max(axis=1, keepdims=True)
        right += (most[np.arange(len(rows)), labels[rows]] / most.sum(axis=1)).sum()
    return right / len(codes)


def build_for(run):
    """Return the build_network of a run."""
    own = run.n_hidden == encoder_units(run.script)
    return run.script.build_network if own else functools.partial(build_autoencoder, run.n_hidden)


def train(run, epochs, data_dir, directory):
    """Train up to `epochs` as the script's command line does, on from what is in `directory`; return the test MSE."""
    _, trained = run.script.last_checkpoint(directory)
    if trained > epochs:
        sys.exit(f"{directory}: trained for {trained} epochs already, so {epochs} can't be measured any more")
    out, err = io.StringIO(), io.StringIO()
    fewest = ["--examples-to-show", "1"] if run.script is autoencoder_recon else []  # nobody looks at this picture
    with mock.patch.object(run.script, "build_network", build_for(run)):
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                run.script.main([
                    "--init", run.init, "--seed", str(run.seed), "--learning-rate", str(run.learning_rate),
                    "--training-epochs", str(epochs), "--data-dir", str(data_dir), "--checkpoint-dir", str(directory),
                    "--log-dir", str(directory / "log"), "--output", str(directory) + ".png", *fewest])
        except SystemExit as end:
            sys.exit(err.getvalue().strip() or end.code)
    plt.close("all")
    return float(re.search(r"Test MSE: (\S+)", out.getvalue())[1])


def outputs(run, directory, images):
    """Return the codes and the reconstructions of images by the network trained in `directory`."""
    with tf.Graph().as_default(), tf.Session() as sess:
        network = build_for(run)(run.learning_rate, run.seed, run.init)
        tf.train.Saver(tf.trainable_variables()).restore(sess, run.script.last_checkpoint(directory)[0])
        return sess.run([network.encoder_op, network.y_pred], feed_dict={network.X: images})


def measure(run, epochs, data_dir, directory, images):
    """Return what is known of a run after `epochs` as a dict of arrays, from the file that keeps it if there is one.

    test_mse; of encoder_2d the codes of the test images, otherwise the reconstructions of the first ten.
    """
    path = directory / f"after-{epochs}.npz"
    if not path.exists():
        result = {"test_mse": train(run, epochs, data_dir, directory)}
        codes, reconstructions = outputs(run, directory, images)
        result |= {"codes": codes} if run.script is encoder_2d else {"reconstructions": reconstructions[:10]}
        part = directory / "part.npz"
        np.savez(part, **result)
        part.replace(path)
    return dict(np.load(path))


def validation_costs(directory, epochs):
    """Return the validation cost (epochs,) after each epoch that a run in `directory` logged; NaN where it did not."""
    tf.logging.set_verbosity(tf.logging.ERROR)  # the iterator warns of a deprecated part of its own
    costs = np.full(epochs, np.nan)
    for path in sorted((directory / "log").iterdir()):
        for event in tf.train.summary_iterator(str(path)):
            for value in event.summary.value:
                if value.tag == "validation_cost" and event.step <= epochs:
                    costs[event.step - 1] = value.simple_value
    return costs


def spread(values, digits):
    """Return mean ± standard deviation of one value a seed."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=min(1, len(values) - 1)):.{digits}f}"


def draw_training(panels, path):
    """Draw a dict of panel names, each to a dict of curves (seeds, epochs) and one of constants, and save the picture.

    A curve is drawn as its mean, in a band from the least to the greatest.
    """
    f, a = plt.subplots(1, len(panels), figsize=(11, 4.4), layout="constrained")
    for ax, (name, (curves, constants)) in zip(a, panels.items()):
        for (label, values), colour in zip(curves.items(), ["#D55E00", "#0072B2"]):  # Okabe and Ito's
            epochs = np.arange(1, values.shape[1] + 1)
            ax.fill_between(epochs, np.nanmin(values, axis=0), np.nanmax(values, axis=0), color=colour, alpha=0.25,
                            linewidth=0)
            ax.plot(epochs, np.nanmean(values, axis=0), color=colour, label=label)
        for (label, value), style in zip(constants.items(), ["--", ":"]):
            ax.axhline(value, color="black", linestyle=style, label=label)
        ax.set(title=name, xlabel="epochs", ylabel="mean squared error, held-out images", yscale="log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter(lambda x, _: f"{x:g}" if f"{x:e}"[0] in "23456" else "")
        ax.legend()
    plt.savefig(path)


def draw_reconstructions(rows, path):
    """Draw a dict of row names and images (n, 784), one row each, and save the picture."""
    n = len(next(iter(rows.values())))
    f, a = plt.subplots(len(rows), n, figsize=(n + 1.6, len(rows)), squeeze=False, gridspec_kw=dict(
        left=1.5 / (n + 1.6), right=0.99, bottom=0.02, top=0.98, wspace=0.05, hspace=0.05))
    for row, (name, images) in zip(a, rows.items()):
        row[0].text(-0.1, 0.5, name, transform=row[0].transAxes, ha="right", va="center")
        for ax, image in zip(row, images):
            ax.imshow(np.reshape(image, (28, 28)), vmin=0, vmax=1)
            ax.set_axis_off()
    plt.savefig(path)


def draw_codes(panels, labels, path):
    """Draw a dict of panel names and codes (n, 2) side by side, coloured by label, and save the picture."""
    f, a = plt.subplots(1, len(panels), figsize=(5.5 * len(panels) + 0.8, 5.5), layout="constrained")
    for ax, (name, codes) in zip(a, panels.items()):
        points = ax.scatter(codes[:, 0], codes[:, 1], c=labels, cmap="tab10", vmin=-0.5, vmax=9.5, s=2, linewidths=0)
        ax.set_title(name)
    f.colorbar(points, ax=a, ticks=range(10), label="digit")
    plt.savefig(path)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--data-dir", type=Path, default=Path(autoencoder_recon.__file__).parent / "mnist_data")
    parser.add_argument("--output-dir", type=Path, default=Path("claims"))
    parser.add_argument("--runs-dir", type=Path, help="of one data set (default: runs/ in the output directory)")
    args = parser.parse_args(argv)
    runs_dir = args.runs_dir or args.output_dir / "runs"
    for directory in (args.output_dir, runs_dir):
        directory.mkdir(parents=True, exist_ok=True)
    all_epochs = sorted(set(args.epochs))
    first, last = all_epochs[0], all_epochs[-1]

    mnist = input_data.read_data_sets(args.data_dir)
    images, labels = mnist.test.images, mnist.test.labels
    pca, pca_mse = {}, {}
    scripts = (autoencoder_recon, encoder_2d)
    mean, axes = fit_pca(mnist.train.images, max(encoder_units(script)[-1] for script in scripts))
    for script in scripts:
        pca[script] = mean, axes[:, :encoder_units(script)[-1]]  # the first axes are the same, however many are wanted
        pca_mse[script] = np.mean((images - pca_reconstructions(pca[script], images)) ** 2)
    mean_mse = np.mean((images - mean) ** 2)

    own = [Run(script, encoder_units(script), init, script.learning_rate, seed)
           for script in scripts for init in INITS for seed in args.seeds]
    deeper = [Run(autoencoder_recon, n_hidden, init, autoencoder_recon.learning_rate, seed)
              for n_hidden in DEPTHS for init in INITS for seed in args.seeds]
    slower = [Run(autoencoder_recon, n_hidden, "xavier", rate, seed)
              for n_hidden in SLOWER[0] for rate in SLOWER[1] for seed in args.seeds]
    # The script's own network is one of the depths; only the end counts where the learning rate is smaller.
    todo = [(run, epochs) for run in dict.fromkeys(own + deeper) for epochs in all_epochs]
    todo += [(run, last) for run in slower]
    results = {}
    for done, (run, epochs) in enumerate(todo, 1):
        result = results[run, epochs] = measure(run, epochs, args.data_dir, runs_dir / str(run), images)
        print(f"{done}/{len(todo)} {run}, {epochs} epochs: test MSE {result['test_mse']:.6f}",
              file=sys.stderr, flush=True)

    def select(what, script, init, epochs, n_hidden=None, learning_rate=None):
        """Return one result a seed, as an array; or an empty one."""
        runs = [Run(script, n_hidden or encoder_units(script), init, learning_rate or script.learning_rate, seed)
                for seed in args.seeds]
        return np.array([results[run, epochs][what] for run in runs if (run, epochs) in results])

    table = ["| claim | measure | the article's settings | `--init xavier` | to compare |", "|---|---|---|---|---|"]

    def row(claim, measure, values, digits, compare):
        table.append(f"| {claim} | {measure} | " + " | ".join(spread(values[init], digits) for init in INITS)
                     + f" | {compare} |")

    def costs(script, epochs):
        return {init: select("test_mse", script, init, epochs) for init in INITS}

    row('"a high degree of restoration"', f"`autoencoder_recon.py`, test MSE after {first} epochs",
        costs(autoencoder_recon, first), 4, f"always the mean image: {mean_mse:.4f}")
    for script in scripts:
        for epochs in all_epochs:
            row('more training cycles, "a better reduction"', f"`{script.__name__}.py`, test MSE after {epochs} epochs",
                costs(script, epochs), 4, "")
    for script in scripts:
        row('"the principle is similar to PCA"', f"`{script.__name__}.py`, test MSE after {first} epochs",
            costs(script, first), 4, f"PCA, {pca[script][1].shape[1]} components: {pca_mse[script]:.4f}")
    codes = {init: select("codes", encoder_2d, init, first) for init in INITS}
    row('"better clustering effect"',
        f"`encoder_2d.py`, leave-one-out 10-nearest-neighbour accuracy after {first} epochs",
        {init: [neighbour_accuracy(one, labels) for one in codes[init]] for init in INITS}, 3,
        f"PCA, 2 components: {neighbour_accuracy(pca_codes(pca[encoder_2d], images), labels):.3f}")

    columns = [(init, autoencoder_recon.learning_rate, epochs) for init in INITS for epochs in all_epochs]
    columns += [("xavier", rate, last) for rate in SLOWER[1]]
    names = {"normal": "the article's init", "xavier": "`--init xavier`"}
    table += ["", "| more layers: test MSE of the encoder | " + " | ".join(
        names[init] + f", `--learning-rate {rate}`" * (rate != autoencoder_recon.learning_rate) + f", {epochs} epochs"
        for init, rate, epochs in columns) + " |", "|---|" + "---|" * len(columns)]
    for n_hidden in DEPTHS:
        cells = [select("test_mse", autoencoder_recon, init, epochs, n_hidden, rate) for init, rate, epochs in columns]
        table.append(f"| {'→'.join(map(str, (autoencoder_recon.n_input, *n_hidden)))} | "
                     + " | ".join(spread(cell, 4) if len(cell) else "" for cell in cells) + " |")
    text = "\n".join(table) + f"\n\nSeeds {', '.join(map(str, args.seeds))}: mean ± standard deviation.\n"
    (args.output_dir / "claims.md").write_text(text)
    print(text, end="")

    held_out = mnist.validation.images
    panels = {}
    for script in scripts:
        curves = {label: np.array([validation_costs(runs_dir / str(run), last) for run in own
                                   if run.script is script and run.init == init]) for init, label in INITS.items()}
        panels[f"{script.__name__}.py"] = curves, {
            "always the mean image": np.mean((held_out - mean) ** 2),
            f"PCA, {pca[script][1].shape[1]} components":
                np.mean((held_out - pca_reconstructions(pca[script], held_out)) ** 2)}
    draw_training(panels, args.output_dir / "training.png")

    rows = {"original": images[:10]}
    for init, label in INITS.items():
        rows[label] = select("reconstructions", autoencoder_recon, init, first)[0]
    rows["PCA"] = pca_reconstructions(pca[autoencoder_recon], images[:10])
    draw_reconstructions(rows, args.output_dir / "reconstructions.png")

    panels = {f"encoder_2d.py, {label}": codes[init][0] for init, label in INITS.items()}
    panels["PCA, 2 components"] = pca_codes(pca[encoder_2d], images)
    draw_codes(panels, labels, args.output_dir / "codes.png")


if __name__ == "__main__":
    main()
