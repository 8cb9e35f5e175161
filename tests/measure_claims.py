"""Measures the article's claims: trains both scripts over seeds and both --init, and compares with PCA.

Writes claims.md (the table), reconstructions.png and codes.png to --output-dir. With the defaults it trains for
about half an hour on two cores; stderr shows how far it is.
"""
import argparse
import contextlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import matplotlib.pyplot as plt
import numpy as np
import tensorflow.compat.v1 as tf

import autoencoder_recon
import encoder_2d
from mnist_data import input_data

INITS = ["normal", "xavier"]


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


def train(script, init, seed, epochs, data_dir, directory):
    """Train the script up to `epochs` as its command line does, on from what is in `directory`; return the test MSE."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        script.main(["--init", init, "--seed", str(seed), "--training-epochs", str(epochs), "--data-dir", str(data_dir),
                     "--checkpoint-dir", str(directory), "--output", str(directory) + ".png"])
    plt.close("all")
    return float(re.search(r"Test MSE: (\S+)", out.getvalue())[1])


def outputs(script, directory, images):
    """Return the codes and the reconstructions of images by the network trained in `directory`."""
    with tf.Graph().as_default(), tf.Session() as sess:
        network = script.build_network()
        tf.train.Saver(tf.trainable_variables()).restore(sess, tf.train.latest_checkpoint(directory))
        return sess.run([network.encoder_op, network.y_pred], feed_dict={network.X: images})


def spread(values, digits):
    """Return mean ± standard deviation of one value a seed."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=min(1, len(values) - 1)):.{digits}f}"


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
    parser.add_argument("--epochs", type=int, nargs="+", default=[10, 20, 50])
    parser.add_argument("--data-dir", type=Path, default=Path(autoencoder_recon.__file__).parent / "mnist_data")
    parser.add_argument("--output-dir", type=Path, default=Path("claims"))
    args = parser.parse_args(argv)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    args.epochs.sort()
    first = args.epochs[0]

    mnist = input_data.read_data_sets(args.data_dir)
    images, labels = mnist.test.images, mnist.test.labels
    mse, pca, pca_mse = {}, {}, {}
    mean, axes = fit_pca(mnist.train.images, autoencoder_recon.n_hidden_2)
    for script, units in [(autoencoder_recon, autoencoder_recon.n_hidden_2), (encoder_2d, encoder_2d.n_hidden_4)]:
        pca[script] = mean, axes[:, :units]  # the first axes are the same, however many are wanted
        pca_mse[script] = np.mean((images - pca_reconstructions(pca[script], images)) ** 2)
    mean_mse = np.mean((images - mean) ** 2)

    accuracy = {init: [] for init in INITS}
    rows, panels = {"original": images[:10]}, {}
    names = {"normal": "the article's init", "xavier": "--init xavier"}
    done, total = 0, 2 * len(INITS) * len(args.seeds) * len(args.epochs)
    with tempfile.TemporaryDirectory() as runs:
        for script in (autoencoder_recon, encoder_2d):
            for init in INITS:
                for seed in args.seeds:
                    directory = Path(runs) / f"{script.__name__}-{init}-{seed}"
                    for epochs in args.epochs:
                        value = train(script, init, seed, epochs, args.data_dir, directory)
                        mse.setdefault((script, init, epochs), []).append(value)
                        done += 1
                        print(f"{done}/{total} {script.__name__} --init {init} --seed {seed}, {epochs} epochs: "
                              f"test MSE {value:.6f}", file=sys.stderr, flush=True)
                        if epochs == first and script is autoencoder_recon and seed == args.seeds[0]:
                            rows[names[init]] = outputs(script, directory, rows["original"])[1]
                        if epochs == first and script is encoder_2d:
                            codes, _ = outputs(script, directory, images)
                            accuracy[init].append(neighbour_accuracy(codes, labels))
                            if seed == args.seeds[0]:
                                panels[f"encoder_2d.py, {names[init]}"] = codes

    table = ["| claim | measure | the article's settings | `--init xavier` | to compare |", "|---|---|---|---|---|"]

    def row(claim, measure, values, digits, compare):
        table.append(f"| {claim} | {measure} | " + " | ".join(spread(values[init], digits) for init in INITS)
                     + f" | {compare} |")

    def costs(script, epochs):
        return {init: mse[script, init, epochs] for init in INITS}

    row('"a high degree of restoration"', f"`autoencoder_recon.py`, test MSE after {first} epochs",
        costs(autoencoder_recon, first), 4, f"always the mean image: {mean_mse:.4f}")
    for script in (autoencoder_recon, encoder_2d):
        for epochs in args.epochs:
            row("more training cycles, better reduction", f"`{script.__name__}.py`, test MSE after {epochs} epochs",
                costs(script, epochs), 4, "")
    for script in (autoencoder_recon, encoder_2d):
        row('"the principle is similar to PCA"', f"`{script.__name__}.py`, test MSE after {first} epochs",
            costs(script, first), 4, f"PCA, {pca[script][1].shape[1]} components: {pca_mse[script]:.4f}")
    row('"2-dimensional coded features have better clustering effect"',
        f"`encoder_2d.py`, leave-one-out 10-nearest-neighbour accuracy after {first} epochs", accuracy, 3,
        f"PCA, 2 components: {neighbour_accuracy(pca_codes(pca[encoder_2d], images), labels):.3f}")
    text = "\n".join(table) + f"\n\nSeeds {', '.join(map(str, args.seeds))}: mean ± standard deviation.\n"
    (args.output_dir / "claims.md").write_text(text)
    print(text, end="")

    rows["PCA"] = pca_reconstructions(pca[autoencoder_recon], rows["original"])
    draw_reconstructions(rows, args.output_dir / "reconstructions.png")
    panels["PCA, 2 components"] = pca_codes(pca[encoder_2d], images)
    draw_codes(panels, labels, args.output_dir / "codes.png")


if __name__ == "__main__":
    main()
