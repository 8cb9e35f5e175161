"""What a run shows: its lines, picture, checkpoint and log, against NumPy and a plain loop of the article's steps."""
import contextlib
import io
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import SCRIPTS, only_recon, read_log, tensors
from numpy_network import codes_and_reconstructions

import autoencoder_recon
import encoder_2d
from mnist_data import input_data

SEED, EPOCHS, BATCH_SIZE, EXAMPLES = 5, 4, 70, 7
STEPS = 600 // BATCH_SIZE  # in an epoch


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda script: script.__name__)
def finished_run(request, small_data, tmp_path_factory):
    """Two epochs, and then the same run resumed for two more: what it printed, drew, saved and logged."""
    script, directory, build_network = request.param, tmp_path_factory.mktemp("run"), request.param.build_network
    stdout, stderr, figures, graphs = io.StringIO(), io.StringIO(), [], []
    flags = ["--data-dir", small_data, "--seed", SEED, "--batch-size", BATCH_SIZE, "--learning-rate", 0.02,
             "--display-step", 3, "--checkpoint-dir", directory / "new/c", "--output", directory / "a.png"]
    if script is autoencoder_recon:
        flags += ["--examples-to-show", EXAMPLES, "--init", "xavier"]

    def build(*args):
        graphs.append(tf.get_default_graph())
        return build_network(*args)

    def show(block):
        assert block  # Where the user has made Matplotlib interactive, the window would close at once.
        assert (directory / "a.png").exists()  # Its window could not be saved any more, once it is closed.
        figures.append(plt.gcf())
    with pytest.MonkeyPatch.context() as patch, \
            contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        patch.setattr(script, "build_network", build)
        patch.setattr(plt, "show", show)
        for epochs in (2, EPOCHS):
            more = ["--training-epochs", epochs, "--log-dir", directory / f"log{epochs}"]
            script.main(list(map(str, flags + more)))
    return SimpleNamespace(script=script, directory=directory, lines=stdout.getvalue().splitlines(),
                           err=stderr.getvalue(), figure=figures[-1], graph=graphs[-1],
                           checkpoint=tensors(directory / "new/c"))


@pytest.fixture(scope="module")
def small_mnist(small_data):
    return input_data.read_data_sets(small_data)


@pytest.fixture(scope="module")
def reference(finished_run, small_mnist):
    """A plain loop of the article's steps, with its tf.pow: the costs of each epoch, the last weights and test cost."""
    order = np.concatenate([np.random.RandomState([SEED, k]).permutation(600) for k in range(EPOCHS)])
    costs, validation_costs = [], []
    with tf.Graph().as_default(), tf.Session() as sess:
        initializer = "xavier" if finished_run.script is autoencoder_recon else "normal"
        X, _, y_pred, _, _ = finished_run.script.build_network(seed=SEED, initializer=initializer)
        cost = tf.reduce_mean(tf.pow(X - y_pred, 2))
        optimizer = tf.train.AdamOptimizer(0.02).minimize(cost)
        sess.run(tf.global_variables_initializer())
        for epoch in range(EPOCHS):
            for step in range(epoch * STEPS, (epoch + 1) * STEPS):
                batch_xs = small_mnist.train.images[order[step * BATCH_SIZE:(step + 1) * BATCH_SIZE]]
                _, c = sess.run([optimizer, cost], feed_dict={X: batch_xs})
            costs.append(c)
            validation_costs.append(sess.run(cost, {X: small_mnist.validation.images}))
        weights = sess.run({v.op.name: v for v in tf.trainable_variables()})
        test_cost = sess.run(cost, {X: small_mnist.test.images})
    return SimpleNamespace(costs=costs, validation_costs=validation_costs, weights=weights, test_cost=test_cost)


def mean_image_mse(mnist):
    """Return the MSE of always answering with the mean of the validation images, as it is printed."""
    mean_image = mnist.validation.images.mean(axis=0, dtype=float)
    return pytest.approx(np.mean((mnist.test.images - mean_image) ** 2), abs=1e-6)


def test_the_lines_are_those_of_a_plain_loop(finished_run, reference, small_mnist):
    """The digits of the costs are those of the article's formula. Of three epochs, one is printed."""
    name, directory = finished_run.script.__name__, finished_run.directory
    assert finished_run.err == (
        f"{name}.py: resumed from {directory}/new/c/{name}-2, after epoch 2; 2 more to train\n")
    saved = f"Saved {finished_run.directory / 'a.png'}"
    first, resumed = finished_run.lines[:4], finished_run.lines[4:]
    assert first[:2] == [f"Epoch: 0001 cost= {reference.costs[0]:.9f}", "Optimization Finished!"]
    assert first[2].startswith("Test MSE: ") and first[3] == saved
    mse, mean_mse = re.fullmatch(r"Test MSE: (\S+) \(mean image: (\S+)\)", resumed.pop(2)).groups()
    assert mse == f"{reference.test_cost:.6f}" and float(mean_mse) == mean_image_mse(small_mnist)
    assert resumed == [f"Epoch: 0004 cost= {reference.costs[3]:.9f}", "Optimization Finished!", saved]


def test_the_weights_are_those_of_a_plain_loop(finished_run, reference):
    """They have the bits of the article's formula. Checkpoints, the log and resuming do not change them."""
    for name, value in reference.weights.items():
        np.testing.assert_array_equal(finished_run.checkpoint[name], value, err_msg=name)


def test_the_log_has_the_costs_of_every_epoch(finished_run, reference):
    """It has those of epochs that are not printed, too."""
    for epochs, part in [(2, (1, 2)), (EPOCHS, (3, 4))]:
        values, _ = read_log(finished_run.directory / f"log{epochs}")
        expected = {("cost", epoch): reference.costs[epoch - 1] for epoch in part}
        expected |= {("validation_cost", epoch): reference.validation_costs[epoch - 1] for epoch in part}
        assert values == pytest.approx(expected, abs=1e-8)


def test_the_logged_graph_has_the_articles_parts(finished_run):
    """TensorBoard draws X, encoder, decoder, cost and training as connected boxes. Training adds nothing to them."""
    _, nodes = read_log(finished_run.directory / f"log{EPOCHS}")
    boxes = {node.name: node.name.split("/")[0] for node in nodes}
    assert set(boxes.values()) == {
        "X", "weights", "biases", "encoder", "decoder", "cost", "training", "settings", "init", "save"}
    assert {boxes[node.name] for node in nodes if node.op == "MatMul"} == {"encoder", "decoder", "training"}
    assert boxes.keys() == {operation.name for operation in finished_run.graph.get_operations()}


@pytest.mark.parametrize("finished_run", [autoencoder_recon], indirect=True)
def test_picture_of_reconstructions(finished_run, small_mnist):
    """The first test digits are above what NumPy makes of them with the saved weights, all on one scale."""
    axes = np.reshape(finished_run.figure.axes, (2, EXAMPLES))
    _, reconstructions = codes_and_reconstructions(
        autoencoder_recon, finished_run.checkpoint, small_mnist.test.images)
    for row, images in [(axes[0], small_mnist.test.images), (axes[1], reconstructions)]:
        for ax, expected in zip(row, images):
            (image,) = ax.images
            np.testing.assert_allclose(image.get_array(), np.reshape(expected, (28, 28)), atol=1e-4)
            assert image.get_clim() == (0, 1) and image.get_cmap() == axes[0, 0].images[0].get_cmap()
            assert image.origin == "upper" and ax.yaxis_inverted() and not ax.xaxis_inverted()
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["original", "reconstruction"]


@pytest.mark.parametrize("finished_run", [encoder_2d], indirect=True)
def test_picture_of_codes(finished_run, small_mnist):
    """Each test digit is where NumPy's encoder puts it with the saved weights, in the colour of its label."""
    ax, bar = finished_run.figure.axes
    (points,) = ax.collections
    codes, _ = codes_and_reconstructions(encoder_2d, finished_run.checkpoint, small_mnist.test.images)
    np.testing.assert_allclose(points.get_offsets(), codes, rtol=1e-3, atol=1e-3)
    assert ax.get_xlabel() == "first number of the code" and ax.get_ylabel() == "second number of the code"
    finished_run.figure.canvas.draw()
    np.testing.assert_allclose(points.get_facecolors(), plt.get_cmap("tab10")(small_mnist.test.labels))
    assert [int(text.get_text()) for text in ax.texts] == sorted(set(small_mnist.test.labels))
    # The bar has each digit in the middle of its colour.
    assert bar.get_ylabel() == "digit" and bar.get_ylim() == (-0.5, 9.5)
    assert [tick.get_text() for tick in bar.get_yticklabels()] == [str(digit) for digit in range(10)]


def test_the_saved_picture_is_the_one_shown(finished_run, tmp_path):
    finished_run.figure.savefig(tmp_path / "again.png")
    saved, again = (plt.imread(path) for path in (finished_run.directory / "a.png", tmp_path / "again.png"))
    assert saved[..., :3].std() > 0.02  # It is not empty.
    assert abs(saved - again).mean() < 0.02  # Its layout moves a little when it is drawn again.


@only_recon
def test_all_test_images_are_drawn_if_there_are_fewer_than_asked_for(run, monkeypatch):
    drawn = []
    monkeypatch.setattr(plt, "show", lambda block: drawn.extend(plt.gcf().axes))
    run("--training-epochs", 0, "--examples-to-show", 100)
    assert len(drawn) == 2 * 60


@pytest.mark.parametrize("n", [1, 100])
def test_nothing_is_cut_off_or_covered(n, mnist):
    autoencoder_recon.draw(mnist.test.images[:n], mnist.test.images[100:][:n])
    figure = plt.gcf()
    figure.canvas.draw()
    boxes = [ax.get_tightbbox() for ax in figure.axes]  # with their labels
    assert len(boxes) == 2 * n
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    plt.close("all")


def cluster(x, y, n):
    return (x, y) + np.random.default_rng(0).uniform(-1.5, 1.5, (n, 2))


def test_a_digit_is_written_where_it_most_outnumbers_every_other():
    """The 1 is between the clusters of the 0, and most of the 2 are among more of the 3. Where 4, 5 and 6 are mixed,
    the 4 has the most points, but not half of them; a single one is elsewhere. All of the 5 are among more of the 4."""
    clusters = [(0, cluster(-20, 0, 150)), (1, cluster(0, 0, 200)), (0, cluster(20, 0, 150)), (3, cluster(0, 30, 900)),
                (2, cluster(0, 30, 300)), (2, cluster(20, 30, 60)),
                (4, cluster(0, 60, 400)), (5, cluster(0, 60, 300)), (6, cluster(0, 60, 300)), (4, cluster(20, 60, 1)),
                (6, cluster(-20, 60, 100))]
    codes = np.concatenate([points for _, points in clusters])
    labels = np.concatenate([np.full(len(points), digit) for digit, points in clusters])
    encoder_2d.draw(codes, labels)
    places = {int(text.get_text()): text.get_position() for text in plt.gca().texts}
    plt.close("all")
    assert sorted(places) == [0, 1, 2, 3, 4, 5, 6]
    assert np.abs(places[0]) == pytest.approx((20, 0), abs=2) and places[2] == pytest.approx((20, 30), abs=2)
    assert places[4] == pytest.approx((0, 60), abs=2)
    for digit, place in places.items():
        near = labels[(abs(codes - place) <= np.ptp(codes, axis=0) / 80).all(axis=1)]  # in its cell of the 40 x 40
        assert digit in near and (digit in (4, 5) or np.mean(near == digit) > 0.5)
