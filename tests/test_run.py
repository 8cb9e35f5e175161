"""What a run shows: its lines, picture, checkpoint and log, against NumPy and a plain loop of the article's steps."""
import contextlib
import io
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import SCRIPTS, read_log, tensors
from numpy_network import codes_and_reconstructions

import autoencoder_recon
import encoder_2d
from mnist_data import input_data

SEED, EPOCHS, BATCH_SIZE, EXAMPLES = 5, 4, 70, 7
STEPS = 600 // BATCH_SIZE  # in an epoch


class Lines(io.StringIO):
    """A standard output in which each line must be flushed before anything else is written."""
    def flush(self):
        self.flushed = self.tell()

    def write(self, text):
        assert self.tell() == 0 or self.getvalue()[-1] != "\n" or self.flushed == self.tell()
        return super().write(text)


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda script: script.__name__)
def finished_run(request, small_data, tmp_path_factory):
    """A run of two epochs, and the same run resumed for two more. first and resumed: the lines that they print.

    err: what both print on stderr. figure, graph, checkpoint: those of the resumed one.
    """
    script, directory, build_network = request.param, tmp_path_factory.mktemp("run"), request.param.build_network
    result = SimpleNamespace(script=script, directory=directory)
    flags = ["--data-dir", small_data, "--seed", SEED, "--batch-size", BATCH_SIZE, "--learning-rate", 0.02,
             "--display-step", 3, "--checkpoint-dir", directory / "new/c", "--output", directory / "a.png"]
    if script is autoencoder_recon:
        flags += ["--examples-to-show", EXAMPLES, "--init", "xavier"]

    def build(*args):
        result.graph = tf.get_default_graph()
        return build_network(*args)

    def show(block):
        assert block  # Where the user has made Matplotlib interactive, the window would close at once.
        assert (directory / "a.png").exists()  # Its window could not be saved any more, once it is closed.
        result.figure = plt.gcf()

    def run(epochs):
        with contextlib.redirect_stdout(Lines()) as stdout:
            script.main(list(map(str, [*flags, "--training-epochs", epochs, "--log-dir", directory / f"log{epochs}"])))
        assert stdout.flushed == stdout.tell()
        return stdout.getvalue().splitlines()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(io.StringIO()) as stderr:
        patch.setattr(script, "build_network", build)
        patch.setattr(plt, "show", show)
        result.first, result.resumed = run(2), run(EPOCHS)
    result.err, result.checkpoint = stderr.getvalue(), tensors(directory / "new/c")
    return result


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


def assert_test_mse(line, mse, mnist):
    """Assert that a line has the test MSE, and that of always answering with the mean of the validation images."""
    printed, mean_image_mse = re.fullmatch(r"Test MSE: (0\.\d{6}) \(mean image: (0\.\d{6})\)", line).groups()
    assert float(printed) == pytest.approx(mse, rel=1e-4)
    mean_image = mnist.validation.images.mean(axis=0, dtype=float)
    assert float(mean_image_mse) == pytest.approx(np.mean((mnist.test.images - mean_image) ** 2), abs=1e-6)


def test_the_lines_are_those_of_a_plain_loop(finished_run, reference, small_mnist):
    """The digits of the costs are those of the article's formula. Of three epochs, one is printed."""
    name, directory = finished_run.script.__name__, finished_run.directory
    assert finished_run.err == (
        f"{name}.py: resumed from {directory}/new/c/{name}-2, after epoch 2; 2 more to train\n")
    for lines, epoch in [(finished_run.first, 1), (finished_run.resumed, 4)]:
        assert lines[:2] == [f"Epoch: {epoch:04} cost= {reference.costs[epoch - 1]:.9f}", "Optimization Finished!"]
        assert lines[3:] == [f"Saved {directory / 'a.png'}"]
    assert finished_run.resumed[2].startswith(f"Test MSE: {reference.test_cost:.6f} (")
    assert_test_mse(finished_run.resumed[2], reference.test_cost, small_mnist)


def test_an_epoch_on_the_whole_of_mnist(script, mnist_runs, mnist):
    """It has 214 batches of 256. All test images are measured and drawn. The training images stay bytes."""
    run = mnist_runs[script]
    codes, reconstructions = codes_and_reconstructions(script, tensors(run.directory / "c"), mnist.test.images)
    assert_test_mse(run.out.splitlines()[2], np.mean((mnist.test.images - reconstructions) ** 2), mnist)
    assert run.batches == [256] * 214
    assert "images" not in vars(run.train)
    if script is encoder_2d:
        (points,) = run.figure.axes[0].collections
        np.testing.assert_allclose(points.get_offsets(), codes, rtol=1e-3, atol=1e-3)
        assert points.get_sizes() == [4]


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
            assert image.get_clim() == (0, 1) and image.get_cmap().name == "viridis"
            assert image.origin == "upper" and ax.yaxis_inverted() and not ax.xaxis_inverted()
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["original", "reconstruction"]
    assert finished_run.figure.get_size_inches().tolist() == [1.3 + EXAMPLES, 2]


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
    assert points.get_sizes() == pytest.approx([400 / 60**0.5])  # The fewer points, the larger they are.
    assert [int(text.get_text()) for text in ax.texts] == sorted(set(small_mnist.test.labels))
    assert all(text.get_weight() == "bold" and text.get_path_effects() for text in ax.texts)
    assert finished_run.figure.get_size_inches().tolist() == [8, 6.5]
    # The bar has each digit in the middle of its colour.
    assert bar.get_ylabel() == "digit" and bar.get_ylim() == (-0.5, 9.5)
    assert [tick.get_text() for tick in bar.get_yticklabels()] == [str(digit) for digit in range(10)]


def test_the_saved_picture_is_the_one_shown(finished_run, tmp_path):
    finished_run.figure.savefig(tmp_path / "again.png")
    saved, again = (plt.imread(path) for path in (finished_run.directory / "a.png", tmp_path / "again.png"))
    assert saved[..., :3].std() > 0.02  # It is not empty.
    assert abs(saved - again).mean() < 0.02  # Its layout moves a little when it is drawn again.
    if finished_run.script is encoder_2d:  # The bar is on it, with a large field of each colour.
        bar = saved[:, 700:, :3].reshape(-1, 3)
        assert all((abs(bar - colour).max(axis=1) < 0.01).sum() > 1000 for colour in plt.get_cmap("tab10").colors)


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


def test_a_digit_is_written_where_it_most_outnumbers_every_other():
    """It stands at the mean of its points in a cell. Cells are 1 x 1 here, since the points reach from 0 to 40."""
    points = {
        0: [(0, 0), (40, 40)],
        1: [(10.2, 10.4), (10.6, 10.8), *[(20.5, 20.1)] * 3],  # most of its points are among more of the 2
        2: [(20.5, 20.5)] * 5,
        3: [(20.2, 20.7)],  # leads nowhere
        4: [(30.1, 5.5), (30.7, 5.5), (30.1, 5.5), (30.1, 5.5), (30.5, 5.5), (5, 30)],  # with 5 and 6, 5 of 11 points
        5: [(30.6, 5.2)] * 3,
        6: [(30.4, 5.8)] * 3,
    }
    labels = np.concatenate([np.full(len(points[digit]), digit) for digit in points])
    encoder_2d.draw(np.concatenate(list(points.values())), labels)
    places = {int(text.get_text()): text.get_position() for text in plt.gca().texts}
    assert sorted(places) == list(points)
    expected = [(0, 0), (10.4, 10.6), (20.5, 20.5), (20.2, 20.7), (30.3, 5.5), (30.6, 5.2), (30.4, 5.8)]
    for digit, place in enumerate(expected):
        assert places[digit] == pytest.approx(place)
    plt.close("all")
