"""The command line as a user meets it, the pictures, and what the two scripts share."""
import inspect
import os
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import ROOT, own_lines, start

import autoencoder_recon
import encoder_2d

LINES = r"""Epoch: 0001 cost= 0\.\d{9}
Optimization Finished!
Test MSE: 0\.\d{6}
Saved SCRIPT\.png
"""


def test_one_epoch(script, run, tmp_path):
    status, out, err = run("--training-epochs", 1)
    assert status == 0 and err == ""
    assert re.fullmatch(LINES.replace("SCRIPT", script.__name__), out)
    assert [path.name for path in tmp_path.iterdir()] == [f"{script.__name__}.png"]
    picture = plt.imread(tmp_path / f"{script.__name__}.png")
    assert picture[..., :3].std() > 0.05


def test_as_a_user_starts_it(script, run, small_data, tmp_path):
    """From another directory, without a display; and the same seed gives the same digits in two processes."""
    flags = ["--training-epochs", 3, "--output", "a.png"]
    env = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND", "DISPLAY")}
    process = start(script, "--data-dir", small_data, *flags, "--seed", 5, cwd=tmp_path, env=env)
    out, err = process.communicate()
    assert process.returncode == 0 and own_lines(err) == []
    picture = (tmp_path / "a.png").read_bytes()
    _, same, _ = run(*flags, "--seed", 5)
    assert out == same and (tmp_path / "a.png").read_bytes() == picture
    _, other, _ = run(*flags, "--seed", 6)
    numbers = [line for line in out.splitlines() if "." in line.removesuffix(".png")]
    assert len(numbers) == 4 and not set(numbers) & set(other.splitlines())


def test_default_data_is_beside_the_script(script, capsys):
    parser = script.make_parser()
    assert parser.parse_args([]).data_dir == ROOT / "mnist_data"
    assert parser.parse_args([]).seed == 0
    # The article's, by the article's names.
    constants = [script.learning_rate, script.training_epochs, script.batch_size, script.display_step, script.n_input]
    assert constants == [0.01, 10, 256, 1, 784]
    with pytest.raises(SystemExit, match="0"):
        script.main(["--help"])
    assert str(ROOT / "mnist_data") in " ".join(capsys.readouterr().out.split())


def test_display_step_and_last_partial_batch(script, run):
    """600 images make 2 batches of 256 and 2 of 300; only every third epoch is printed."""
    _, out, _ = run("--training-epochs", 7, "--display-step", 3)
    assert re.findall(r"Epoch: (\d+)", out) == ["0001", "0004", "0007"]


def test_xavier_is_well_below_normal(run):
    mse = {init: float(re.search(r"Test MSE: (\S+)", run("--training-epochs", 10, "--init", init)[1])[1])
           for init in ("normal", "xavier")}
    assert mse["xavier"] < 0.7 * mse["normal"]


def test_no_epoch_draws_the_untrained_network(script, run, tmp_path):
    status, out, err = run("--training-epochs", 0)
    assert status == 0 and out.startswith("Optimization Finished!\nTest MSE: 0.")
    assert (tmp_path / f"{script.__name__}.png").exists()


@pytest.mark.parametrize("flag, values", {
    "--learning-rate": ["0", "-1", "nan", "inf", "1e39", "fast"],
    "--training-epochs": ["-1", "1.5", "ten"],
    "--batch-size": ["0", "-256", "x", "601"],
    "--display-step": ["0", "x"],
    "--init": ["zeros", ""],
    "--seed": ["-1", str(2**31 - 1), "x"],
    "--output": ["nowhere/a.png", "picture", "picture.xyz", ".png"],
}.items())
def test_bad_flags(flag, values, script, refused):
    for value in values:
        line = refused(f"{flag}={value}")
        assert line.startswith(f"{script.__name__}.py: error: argument {flag}: ")
        assert value.removesuffix("/a.png") in line


def test_bad_outputs(refused, tmp_path):
    (tmp_path / "directory.png").mkdir()
    assert "argument --output: directory.png is not the name of a " in refused("--output", "directory.png")
    assert "argument --output: /proc: " in refused("--output", "/proc/picture.png")


@pytest.mark.parametrize("script", [autoencoder_recon], indirect=True)
def test_bad_examples_to_show(refused):
    for value in ("0", "-1", "x", "61"):
        line = refused("--examples-to-show", value)
        assert line.startswith("autoencoder_recon.py: error: argument --examples-to-show: ") and value in line


def test_refusal_of_a_process(tmp_path):
    """One line behind whatever TensorFlow says at import."""
    for process, line in [
        (start(autoencoder_recon, "--momentum", "0.9", cwd=tmp_path),
         "autoencoder_recon.py: error: unrecognized arguments: --momentum 0.9"),
        (start(encoder_2d, cwd=tmp_path, env=dict(os.environ, MPLBACKEND="module://nowhere")),
         "encoder_2d.py: error: Matplotlib's backend: No module named 'nowhere'"),
    ]:
        out, err = process.communicate()
        assert process.returncode == 2 and out == "" and os.listdir(tmp_path) == [] and own_lines(err) == [line]


def test_formats(run, tmp_path):
    for name, beginning in [("a.pdf", b"%PDF"), ("a.SVG", b"<?xml"), ("b.jpeg", b"\xff\xd8")]:
        status, out, _ = run("--training-epochs", 0, "--output", name)
        assert status == 0 and out.endswith(f"Saved {name}\n")
        assert (tmp_path / name).read_bytes().startswith(beginning)


@pytest.mark.parametrize("n, bands, columns", [(1, 1, 1), (10, 1, 10), (20, 1, 20), (45, 3, 20)])
def test_reconstruction_picture(n, bands, columns, mnist):
    images, results = mnist.test.images[:n], mnist.test.images[100:][:n]
    autoencoder_recon.draw(results, images)
    axes = np.reshape(plt.gcf().axes, (bands, 2, columns))
    for i in range(n):
        for row, expected in enumerate([images, results]):
            (shown,) = axes[i // columns, row, i % columns].images
            np.testing.assert_array_equal(shown.get_array().ravel(), expected[i])
            assert shown.get_clim() == (0, 1)
    assert sum(len(ax.images) for ax in axes.flat) == 2 * n
    for band in axes:
        assert [ax.texts[0].get_text() for ax in band[:, 0]] == ["original", "reconstruction"]
    # Nothing is cut off, nothing lies on anything else.
    plt.gcf().canvas.draw()
    whole = plt.gcf().bbox
    texts = [ax.texts[0].get_window_extent() for ax in axes[:, :, 0].flat]
    boxes = [ax.get_window_extent() for ax in axes.flat] + texts
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    plt.close("all")


def test_codes_picture(mnist):
    codes = np.random.RandomState(0).randn(10_000, 2)
    encoder_2d.draw(codes, mnist.test.labels)
    ax, bar = plt.gcf().axes
    (points,) = ax.collections
    np.testing.assert_array_equal(points.get_offsets(), codes)
    assert ax.get_xlabel() == "encoder_result[:, 0]" and ax.get_ylabel() == "encoder_result[:, 1]"
    # One colour a digit, each tick in the middle of its own.
    colours = {digit: points.to_rgba(digit) for digit in range(10)}
    assert len(set(colours.values())) == 10
    plt.gcf().canvas.draw()
    assert [tick.get_text() for tick in bar.get_yticklabels()] == [str(digit) for digit in range(10)]
    assert bar.get_ylim() == (-0.5, 9.5)
    for digit, colour in colours.items():
        assert points.to_rgba(digit - 0.45) == points.to_rgba(digit + 0.45) == colour
    plt.close("all")


def test_shared_functions_are_the_same_text():
    def functions(script):
        return {name: inspect.getsource(f) for name, f in vars(script).items()
                if inspect.isfunction(f) and f.__module__ == script.__name__}
    a, b = functions(autoencoder_recon), functions(encoder_2d)
    assert a.keys() == b.keys()
    own = {"build_network", "draw", "main"}
    assert own < a.keys()
    assert {name: a[name] for name in a.keys() - own} == {name: b[name] for name in b.keys() - own}
