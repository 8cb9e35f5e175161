"""What a run shows: its lines, picture, checkpoint and log, against NumPy and a plain loop of the article's steps."""
import contextlib
import types

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from numpy_network import codes, forward

import autoencoder_recon
import encoder_2d

SEED, EPOCHS, BATCH_SIZE, DISPLAY_STEP, EXAMPLES = 5, 4, 70, 3, 7


class FlushedStdout:
    """A stdout that keeps, one by one, what is flushed."""

    def __init__(self):
        self.written, self.flushed = "", []

    def write(self, text):
        self.written += text

    def flush(self):
        self.flushed.append(self.written)
        self.written = ""


def tensors(directory):
    reader = tf.train.load_checkpoint(str(directory))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def logged(directory):
    """Return the values in a log as a dict of (tag, epoch), and the steps at which runs began."""
    values, starts = {}, []
    for path in sorted(directory.glob("log*/*")):
        for event in tf.train.summary_iterator(str(path)):
            values.update({(value.tag, event.step): value.simple_value for value in event.summary.value})
            if event.HasField("session_log"):
                starts.append(event.step)
    return values, starts


@pytest.fixture(scope="module", params=[autoencoder_recon, encoder_2d], ids=lambda script: script.__name__)
def shown(request, small_data, tmp_path_factory):
    """A run of four epochs, begun with two, and all that it shows; beside it the data, read by NumPy alone."""
    script, directory = request.param, tmp_path_factory.mktemp("shown")
    stdout, figures = FlushedStdout(), []
    flags = ["--data-dir", small_data, "--seed", SEED, "--batch-size", BATCH_SIZE, "--display-step", DISPLAY_STEP,
             "--learning-rate", 0.02, "--checkpoint-dir", directory / "c", "--output", directory / "a.png"]
    if script is autoencoder_recon:
        flags += ["--examples-to-show", EXAMPLES]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(stdout):
        patch.setattr(plt, "show", lambda: figures.append(plt.gcf()))
        for epochs in (2, EPOCHS):
            more = ["--training-epochs", epochs, "--log-dir", directory / f"log{epochs}"]
            script.main(list(map(str, flags + more)))
    raw = {name: np.frombuffer((small_data / name).read_bytes()[offset:], np.uint8) for name, offset in [
        ("train-images-idx3-ubyte", 16), ("t10k-images-idx3-ubyte", 16), ("t10k-labels-idx1-ubyte", 8)]}
    images = [raw[name].reshape(-1, 784) * np.float32(1 / 255) for name in list(raw)[:2]]
    values, starts = logged(directory)
    return types.SimpleNamespace(
        script=script, directory=directory, lines=stdout.flushed, unflushed=stdout.written, figure=figures[-1],
        open_figures=plt.get_fignums(), values=tensors(directory / "c"), logged=values, starts=starts,
        train=images[0][5000:], validation=images[0][:5000], test=images[1], labels=raw["t10k-labels-idx1-ubyte"])


@pytest.fixture(scope="module")
def plain(shown):
    """The article's steps in a plain loop: the costs of all epochs, and the weights and test cost in the end."""
    order = np.concatenate([np.random.RandomState([SEED, k]).permutation(600) for k in range(EPOCHS)])
    with tf.Graph().as_default(), tf.Session() as sess:
        X, _, _, cost, optimizer = shown.script.build_network(0.02, SEED)
        sess.run(tf.global_variables_initializer())
        epoch_costs, steps = [], 600 // BATCH_SIZE
        for step in range(EPOCHS * steps):
            batch_xs = shown.train[order[step * BATCH_SIZE:(step + 1) * BATCH_SIZE]]
            _, c = sess.run([optimizer, cost], feed_dict={X: batch_xs})
            if step % steps == steps - 1:
                epoch_costs.append(c)
        return types.SimpleNamespace(
            costs=epoch_costs, weights=sess.run({v.op.name: v for v in tf.trainable_variables()}),
            test_cost=sess.run(cost, feed_dict={X: shown.test}),
            validation_cost=sess.run(cost, feed_dict={X: shown.validation}))


def test_lines(shown, plain):
    """Of both parts: an epoch is printed if its number, counted from the start of training, calls for it."""
    part = ["Optimization Finished!", "Test MSE: 0.", f"Saved {shown.directory / 'a.png'}"]
    expected = [f"Epoch: 0001 cost= {plain.costs[0]:.9f}", *part, f"Epoch: 0004 cost= {plain.costs[3]:.9f}", *part]
    assert "".join(shown.lines).splitlines()[-2] == f"Test MSE: {plain.test_cost:.6f}"
    assert [line[:12] if line.startswith("Test") else line for line in "".join(shown.lines).splitlines()] == expected


def test_each_line_is_flushed(shown):
    assert shown.unflushed == "" and all(line.count("\n") == 1 and line.endswith("\n") for line in shown.lines)


def test_weights(shown, plain):
    """All that train, to the last bit; checkpoints and log leave them alone."""
    for name, value in plain.weights.items():
        np.testing.assert_array_equal(shown.values[name], value, err_msg=name)
    name = shown.script.__name__
    assert {path.name for path in (shown.directory / "c").iterdir()} == {
        "checkpoint", f"{name}-4.data-00000-of-00001", f"{name}-4.index"}


def test_log(shown, plain):
    """Costs of every epoch, displayed or not; TensorBoard learns where the second part began."""
    epochs = range(1, EPOCHS + 1)
    assert shown.logged.keys() == {(tag, epoch) for tag in ("cost", "validation_cost") for epoch in epochs}
    assert [shown.logged["cost", epoch] for epoch in epochs] == pytest.approx(plain.costs, abs=1e-9)
    assert shown.logged["validation_cost", EPOCHS] == pytest.approx(plain.validation_cost, abs=1e-9)
    assert shown.starts == [1, 3]


@pytest.fixture
def recon(shown):
    return shown if shown.script is autoencoder_recon else pytest.skip("the other script's picture")


@pytest.fixture
def encoder(shown):
    return shown if shown.script is encoder_2d else pytest.skip("the other script's picture")


def test_picture_of_reconstructions(recon):
    """The first test digits above what NumPy makes of them with the saved weights, all on one scale."""
    axes = np.reshape(recon.figure.axes, (2, EXAMPLES))
    for row, images in zip(axes, [recon.test, forward(recon.script, recon.values, recon.test)[-1]]):
        for ax, expected in zip(row, images):
            (shown,) = ax.images
            np.testing.assert_allclose(shown.get_array(), np.reshape(expected, (28, 28)), atol=1e-4)
            assert shown.get_clim() == (0, 1) and shown.get_cmap() == axes[0, 0].images[0].get_cmap()
            assert shown.origin == "upper" and ax.yaxis_inverted() and not ax.xaxis_inverted()
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["original", "reconstruction"]


def test_picture_of_codes(encoder):
    """Each test digit where NumPy's encoder puts it with the saved weights, in the colour of its label."""
    ax, bar = encoder.figure.axes
    (points,) = ax.collections
    expected = codes(encoder.script, encoder.values, encoder.test)
    np.testing.assert_allclose(points.get_offsets(), expected[:, :2], rtol=1e-3, atol=1e-3)
    colours = plt.get_cmap("tab10")(encoder.labels)
    encoder.figure.canvas.draw()
    np.testing.assert_allclose(points.get_facecolors(), colours)
    assert ((points.get_sizes() >= 2) & (points.get_sizes() <= 20)).all()  # to be seen, and not to cover all
    assert len(ax.texts) == len(set(encoder.labels))
    for digit in set(encoder.labels):
        (text,) = [text for text in ax.texts if text.get_text() == str(digit)]
        median = np.median(expected[encoder.labels == digit, :2], axis=0)
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
