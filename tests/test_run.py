"""What a run shows: its lines, picture, checkpoint and log, against NumPy and a plain loop of the article's steps."""
import contextlib
import types

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import SCRIPTS, tensors
from numpy_network import forward

import autoencoder_recon
import encoder_2d

SEED, EPOCHS, BATCH_SIZE, EXAMPLES = 5, 4, 70, 7


class FlushedStdout(list):
    """A stdout that keeps, one by one, what is flushed."""
    written = ""

    def write(self, text):
        self.written += text

    def flush(self):
        self.append(self.written)
        self.written = ""


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda script: script.__name__)
def shown(request, small_data, tmp_path_factory):
    """A run of four epochs in two parts, and all that it shows; beside it the data, read by NumPy alone."""
    script, directory = request.param, tmp_path_factory.mktemp("shown")
    stdout, figures, values, starts, graphs = FlushedStdout(), [], {}, [], []
    flags = ["--data-dir", small_data, "--seed", SEED, "--batch-size", BATCH_SIZE, "--learning-rate", 0.02,
             "--display-step", 3, "--checkpoint-dir", directory / "c", "--output", directory / "a.png"]
    if script is autoencoder_recon:
        flags += ["--examples-to-show", EXAMPLES]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(stdout):
        patch.setattr(plt, "show", lambda: figures.append(plt.gcf()))
        for epochs in (2, EPOCHS):
            more = ["--training-epochs", epochs, "--log-dir", directory / f"log{epochs}"]
            script.main(list(map(str, flags + more)))
    for path in sorted(directory.glob("log*/*")):
        for event in tf.train.summary_iterator(str(path)):
            values.update({(value.tag, event.step): value.simple_value for value in event.summary.value})
            starts += [event.step] * event.HasField("session_log")
            graphs += [event.graph_def] * event.HasField("graph_def")
    train, test, labels = (np.frombuffer((small_data / name).read_bytes()[offset:], np.uint8) for name, offset in [
        ("train-images-idx3-ubyte", 16), ("t10k-images-idx3-ubyte", 16), ("t10k-labels-idx1-ubyte", 8)])
    train, test = (pixels.reshape(-1, 784) * np.float32(1 / 255) for pixels in (train, test))
    return types.SimpleNamespace(
        script=script, directory=directory, lines=stdout, unflushed=stdout.written, figure=figures[-1],
        open_figures=plt.get_fignums(), values=tensors(directory / "c"), logged=values, starts=starts, graphs=graphs,
        train=train[5000:], validation=train[:5000], test=test, labels=labels)


@pytest.fixture(scope="module")
def plain(shown):
    """The article's steps in a plain loop: the costs of all epochs; in the end the weights and other sets' costs."""
    order = np.concatenate([np.random.RandomState([SEED, k]).permutation(600) for k in range(EPOCHS)])
    with tf.Graph().as_default(), tf.Session() as sess:
        X, encoder_op, y_pred, cost, optimizer = shown.script.build_network(0.02, SEED)
        sess.run(tf.global_variables_initializer())
        costs, steps = [], 600 // BATCH_SIZE
        for step in range(EPOCHS * steps):
            batch_xs = shown.train[order[step * BATCH_SIZE:(step + 1) * BATCH_SIZE]]
            costs.append(sess.run([optimizer, cost], feed_dict={X: batch_xs})[1])
        return types.SimpleNamespace(
            costs=costs[steps - 1::steps], weights=sess.run({v.op.name: v for v in tf.trainable_variables()}),
            test_cost=sess.run(cost, {X: shown.test}), validation_cost=sess.run(cost, {X: shown.validation}))


def test_lines(shown, plain):
    """An epoch is printed if its number, counted from the start of training, calls for it; each line is flushed."""
    lines = "".join(shown.lines).splitlines()
    saved = f"Saved {shown.directory / 'a.png'}"
    assert lines[:2] == [f"Epoch: 0001 cost= {plain.costs[0]:.9f}", "Optimization Finished!"] and lines[3] == saved
    assert lines[4:] == [f"Epoch: 0004 cost= {plain.costs[3]:.9f}", "Optimization Finished!",
                         f"Test MSE: {plain.test_cost:.6f}", saved]
    assert shown.unflushed == "" and len(shown.lines) == len(lines)


def test_weights(shown, plain):
    """To the last bit; checkpoints and log leave them alone."""
    for name, value in plain.weights.items():
        np.testing.assert_array_equal(shown.values[name], value, err_msg=name)
    name = shown.script.__name__
    assert {path.name for path in (shown.directory / "c").iterdir()} == {
        "checkpoint", f"{name}-4.data-00000-of-00001", f"{name}-4.index"}
    assert "/" not in (shown.directory / "c" / "checkpoint").read_text("utf-8")  # so the directory can be moved


def test_log(shown, plain):
    """Costs of every epoch, displayed or not; TensorBoard learns where the second part began."""
    epochs = range(1, EPOCHS + 1)
    assert shown.logged.keys() == {(tag, epoch) for tag in ("cost", "validation_cost") for epoch in epochs}
    assert [shown.logged["cost", epoch] for epoch in epochs] == pytest.approx(plain.costs, abs=1e-9)
    assert shown.logged["validation_cost", EPOCHS] == pytest.approx(plain.validation_cost, abs=1e-9)
    assert shown.starts == [1, 3] and len(shown.graphs) == 2
    # TensorBoard draws X, encoder, decoder, cost and training as connected boxes if nothing else stands beside them.
    nodes = [(node.name.split("/")[0], node.op) for node in tf.GraphDef.FromString(shown.graphs[0]).node]
    assert {box for box, op in nodes} == {
        "X", "weights", "biases", "encoder", "decoder", "cost", "training", "init", "save"}
    assert {box for box, op in nodes if op == "MatMul"} == {"encoder", "decoder", "training"}


@pytest.mark.parametrize("shown", [autoencoder_recon], indirect=True)
def test_picture_of_reconstructions(shown):
    """The first test digits above what NumPy makes of them with the saved weights, all on one scale."""
    axes = np.reshape(shown.figure.axes, (2, EXAMPLES))
    for row, images in zip(axes, [shown.test, forward(shown.script, shown.values, shown.test)[-1]]):
        for ax, expected in zip(row, images):
            (image,) = ax.images
            np.testing.assert_allclose(image.get_array(), np.reshape(expected, (28, 28)), atol=1e-4)
            assert image.get_clim() == (0, 1) and image.get_cmap() == axes[0, 0].images[0].get_cmap()
            assert image.origin == "upper" and ax.yaxis_inverted() and not ax.xaxis_inverted()
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["original", "reconstruction"]


@pytest.mark.parametrize("shown", [encoder_2d], indirect=True)
def test_picture_of_codes(shown):
    """Each test digit where NumPy's encoder puts it with the saved weights, in the colour of its label."""
    ax, bar = shown.figure.axes
    (points,) = ax.collections
    activations = forward(shown.script, shown.values, shown.test)
    expected = activations[len(activations) // 2][:, :2]
    np.testing.assert_allclose(points.get_offsets(), expected, rtol=1e-3, atol=1e-3)
    shown.figure.canvas.draw()
    np.testing.assert_allclose(points.get_facecolors(), plt.get_cmap("tab10")(shown.labels))
    assert ((points.get_sizes() >= 2) & (points.get_sizes() <= 20)).all()  # to be seen, and not to cover all
    assert [int(text.get_text()) for text in ax.texts] == sorted(set(shown.labels))
    for text in ax.texts:
        median = np.median(expected[shown.labels == int(text.get_text())], axis=0)
        np.testing.assert_allclose(text.get_position(), median, atol=1e-3)
    # The bar has each digit in the middle of its colour.
    assert bar.get_ylabel() == "digit" and bar.get_ylim() == (-0.5, 9.5)
    assert [tick.get_text() for tick in bar.get_yticklabels()] == [str(digit) for digit in range(10)]
    for digit in range(10):
        assert points.to_rgba(digit - 0.45) == points.to_rgba(digit + 0.45) == tuple(plt.get_cmap("tab10")(digit))


def test_the_saved_picture_is_the_one_shown(shown, tmp_path):
    shown.figure.savefig(tmp_path / "again.png")
    saved, again = (plt.imread(path) for path in (shown.directory / "a.png", tmp_path / "again.png"))
    assert abs(saved - again).mean() < 0.02 < saved[..., :3].std()  # its layout moves a little when drawn again
    assert shown.open_figures == []  # they would pile up in a notebook
