"""What a run shows: its lines, picture, checkpoint and log, against NumPy and a plain loop of the article's steps."""
import functools
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import changed, codes_and_reconstructions, only_encoder, only_recon, read_log, tensors

import autoencoder_recon
import encoder_2d
from mnist_data import input_data


@functools.cache
def plain_loop(script, mnist):
    """Train by a plain loop of the article's steps, with its tf.pow, and the flags of mnist_run.

    Return the costs of each epoch, the last weights, and the reconstructions of the test images.
    """
    images = mnist.train.images[-10_000:]
    order = np.concatenate([np.random.RandomState([5, k]).permutation(10_000) for k in range(2)])
    batches = order[:2 * 20 * 480].reshape(2, 20, 480)  # of 480 images, 20 in each of 2 epochs
    validation_images = np.concatenate([mnist.validation.images, mnist.train.images[:-10_000]])
    result = SimpleNamespace(costs=[], validation_costs=[])
    with tf.Graph().as_default(), tf.Session() as sess:
        X, _, y_pred, _, _ = script.build_network(
            0.01, seed=5, initializer="xavier" if script is autoencoder_recon else "normal")
        cost = tf.reduce_mean(tf.pow(X - y_pred, 2))
        optimizer = tf.train.AdamOptimizer(0.02).minimize(cost)
        sess.run(tf.global_variables_initializer())
        for epoch in batches:
            for batch in epoch:
                _, c = sess.run([optimizer, cost], feed_dict={X: images[batch]})
            result.costs.append(c)
            result.validation_costs.append(sess.run(cost, {X: validation_images}))
        result.weights = sess.run({v.op.name: v for v in tf.trainable_variables()})
        result.reconstructions = sess.run(y_pred, {X: mnist.test.images})
    return result


def test_a_run_is_that_of_a_plain_loop(script, mnist_run, mnist):
    """Its costs have the digits of the article's formula, and its weights the bits. Of two epochs, one is printed.

    Checkpoints, the log and resuming change nothing. The training images stay bytes: as float32, all take 172 MB more.
    """
    plain, name = plain_loop(script, mnist), script.__name__
    assert mnist_run.err == f"{name}.py: resumed from new/c/{name}-1, after epoch 1; 1 more to train\n"
    assert mnist_run.first[:2] == [f"Epoch: 0001 cost= {plain.costs[0]:.9f}", "Optimization Finished!"]
    finished, mse, saved = mnist_run.resumed
    assert finished == "Optimization Finished!" and saved == "Saved a.png"
    mean_image = mnist.train.images[-10_000:].mean(axis=0, dtype=float)
    for printed, images in zip(re.fullmatch(r"Test MSE: (0\.\d{6}) \(mean image: (0\.\d{6})\)", mse).groups(),
                               [plain.reconstructions, mean_image]):
        assert float(printed) == pytest.approx(np.mean((mnist.test.images - images) ** 2), abs=1e-6)
    for name, value in plain.weights.items():
        np.testing.assert_array_equal(mnist_run.checkpoint[name], value, err_msg=name)
    assert "images" not in vars(mnist_run.train)
    _, reconstructions = codes_and_reconstructions(script, plain.weights, mnist.test.images)
    np.testing.assert_allclose(plain.reconstructions, reconstructions, atol=1e-3)


def test_what_a_model_was_trained_with_is_saved_in_these_words(script, mnist_run):
    """If they change, or the checksum does, all models that were saved before are refused."""
    layers = " ".join(["MatMul AddV2 Sigmoid"] * 4)
    if script is encoder_2d:
        layers = " ".join([*["MatMul AddV2 Sigmoid"] * 3, "MatMul AddV2", *["MatMul AddV2 Sigmoid"] * 4])
    assert [setting.decode() for setting in mnist_run.checkpoint["settings"]] == [
        "--init xavier" if script is autoencoder_recon else "--init normal", "--seed 5", "--batch-size 480",
        "--learning-rate 0.02", "10000 images (--validation-size 50000)", "images of checksum 2524351528",
        f"the operations {layers} Sub Square Mean"]


def test_the_log_has_the_costs_of_every_epoch(script, mnist_run, mnist):
    """It has those of epochs that are not printed, too."""
    plain = plain_loop(script, mnist)
    for epoch, (cost, validation_cost) in enumerate(zip(plain.costs, plain.validation_costs), start=1):
        expected = {("cost", epoch): cost, ("validation_cost", epoch): validation_cost}
        assert read_log(mnist_run.directory / f"log{epoch}")[0] == pytest.approx(expected, abs=1e-8)


def test_the_logged_graph_has_the_articles_parts(mnist_run):
    """TensorBoard draws X, encoder, decoder, cost and training as connected boxes. Training adds nothing to them."""
    _, nodes = read_log(mnist_run.directory / "log2")
    boxes = {node.name: node.name.split("/")[0] for node in nodes}
    assert set(boxes.values()) == {
        "X", "weights", "biases", "encoder", "decoder", "cost", "training", "settings", "init", "save"}
    assert {boxes[node.name] for node in nodes if node.op == "MatMul"} == {"encoder", "decoder", "training"}
    assert boxes.keys() == {operation.name for operation in mnist_run.graph.get_operations()}


def test_the_test_mse_is_one_whatever_the_cost_is(script, run, monkeypatch, small_data):
    other = changed(script, {"tf.square(y_true - y_pred)": "tf.abs(y_true - y_pred)"})
    monkeypatch.setattr(script, "build_network", other.build_network)
    out, _ = run("--training-epochs", 1, "--checkpoint-dir", "c")
    images = input_data.read_data_sets(small_data).test.images
    _, reconstructions = codes_and_reconstructions(script, tensors("c"), images)
    mse = float(re.search(r"^Test MSE: (\S+)", out, re.M)[1])
    assert mse == pytest.approx(np.mean((images - reconstructions) ** 2), abs=2e-6)


@only_recon
def test_picture_of_reconstructions(mnist_run, mnist):
    """The first test digits are above what NumPy makes of them with the saved weights, all on one scale."""
    images, axes = mnist.test.images[:7], np.reshape(mnist_run.figure.axes, (2, 7))
    _, reconstructions = codes_and_reconstructions(autoencoder_recon, mnist_run.checkpoint, images)
    for ax, expected in zip(axes.flat, [*images, *reconstructions]):
        (image,) = ax.images
        np.testing.assert_allclose(image.get_array(), np.reshape(expected, (28, 28)), atol=1e-4)
        assert image.get_clim() == (0, 1) and image.get_cmap().name == "viridis"
        assert image.origin == "upper" and ax.yaxis_inverted() and not ax.xaxis_inverted()
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["original", "reconstruction"]
    assert mnist_run.figure.get_size_inches().tolist() == [8.3, 2]


@only_encoder
def test_picture_of_codes(mnist_run, mnist):
    """Each test digit is where NumPy's encoder puts it with the saved weights, in the colour of its label."""
    ax, bar = mnist_run.figure.axes
    (points,) = ax.collections
    codes, _ = codes_and_reconstructions(encoder_2d, mnist_run.checkpoint, mnist.test.images)
    np.testing.assert_allclose(points.get_offsets(), codes, rtol=1e-3, atol=1e-3)
    assert ax.get_xlabel() == "first number of the code" and ax.get_ylabel() == "second number of the code"
    limits = np.array([ax.get_xlim(), ax.get_ylim()])
    assert (limits[:, 0] < codes.min(axis=0)).all() and (codes.max(axis=0) < limits[:, 1]).all()
    mnist_run.figure.canvas.draw()
    np.testing.assert_allclose(points.get_facecolors(), plt.get_cmap("tab10")(mnist.test.labels))
    assert [text.get_text() for text in ax.texts] == list("0123456789")
    assert points.get_linewidths().tolist() == [0]
    for text in ax.texts:
        assert text.get_weight() == "bold" and text.get_ha() == text.get_va() == "center"
        (outline,) = text.get_path_effects()
        assert outline._gc["foreground"] == "w"
    assert mnist_run.figure.get_size_inches().tolist() == [8, 6.5]
    # The bar has each digit in the middle of its colour.
    assert bar.get_ylabel() == "digit" and bar.get_ylim() == (-0.5, 9.5)
    assert [tick.get_text() for tick in bar.get_yticklabels()] == list("0123456789")


def test_a_code_of_three_numbers_is_not_drawn_as_two():
    with pytest.raises(ValueError, match="too many values to unpack"):
        encoder_2d.draw(np.zeros((5, 3)), np.arange(5))
    plt.close("all")


def test_the_saved_picture_is_the_one_shown(script, mnist_run, tmp_path):
    """It is saved first: once its window is closed, it could not be saved any more. Without `block`, the window would
    close at once where the user has made Matplotlib interactive."""
    assert mnist_run.block is True and "a.png" in mnist_run.pictures
    mnist_run.figure.savefig(tmp_path / "again.png")
    saved, again = (plt.imread(path) for path in (mnist_run.directory / "a.png", tmp_path / "again.png"))
    assert saved[..., :3].std() > 0.02  # It is not empty.
    assert abs(saved - again).mean() < 0.02  # Its layout moves a little when it is drawn again.
    if script is encoder_2d:  # The bar is on it, with a large field of each colour.
        bar = saved[:, 700:, :3].reshape(-1, 3)
        assert all((abs(bar - colour).max(axis=1) < 0.01).sum() > 1000 for colour in plt.get_cmap("tab10").colors)


@pytest.mark.parametrize("n", [1, 40])
def test_nothing_is_cut_off_or_covered(n, mnist):
    figure = autoencoder_recon.draw(mnist.test.images[:n], mnist.test.images[100:][:n])
    figure.canvas.draw()
    boxes = [ax.get_tightbbox() for ax in figure.axes]  # with their labels
    assert len(boxes) == 2 * n
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    plt.close("all")


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")  # The places below say more.
def test_a_digit_is_written_where_it_most_outnumbers_every_other():
    """It stands at the mean of its points in a cell. Cells are 1 x 1 here, since the points reach from 0 to 40."""
    points = {
        0: [(0, 0), (40, 40), (40, 40)],  # in the last cell
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
    assert plt.gca().collections[0].get_sizes() == pytest.approx([400 / len(labels) ** 0.5])  # fewer points: larger
    expected = [(40, 40), (10.4, 10.6), (20.5, 20.5), (20.2, 20.7), (30.3, 5.5), (30.6, 5.2), (30.4, 5.8)]
    for digit, place in enumerate(expected):
        assert places[digit] == pytest.approx(place)
    plt.close("all")
