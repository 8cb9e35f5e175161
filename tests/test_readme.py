"""What the README says: its words, flags, commands and programs."""
import re
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import ROOT, SCRIPTS, codes_and_reconstructions, only_recon, run_layers
from packaging.requirements import Requirement

import autoencoder_recon
import encoder_2d
from mnist_data import input_data, own_data

README = (ROOT / "README.md").read_text("utf-8")
ARRAYS, DECODE, STARS, DIGITS = re.findall(r"```python\n(.*?)```", README, re.S)


def section(title):
    text = README.partition(f"\n## {title}")[2].partition("\n## ")[0]
    assert text, f"README.md has no section {title}"
    return text


def test_each_python_that_is_named_gets_a_tensorflow():
    """pip takes the release candidate for Python 3.14 only if a requirement for that Python names one."""
    lines = [line for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines() if line[0] != "#"]
    lowest, highest = map(int, re.search(r"Python 3\.(\d+) to 3\.(\d+)", README).groups())
    assert (lowest, highest) == (10, 14)
    for minor in range(lowest, highest + 1):
        environment = {"python_version": f"3.{minor}"}
        (tensorflow,) = [requirement.specifier for requirement in map(Requirement, lines)
                         if requirement.name == "tensorflow" and requirement.marker.evaluate(environment)]
        taken = list(tensorflow.filter(["2.17.1", "2.18.0", "2.21.0", "2.22.0rc0", "2.23.0"]))
        assert taken == (["2.18.0", "2.21.0"] if minor < 14 else ["2.22.0rc0"])
    setup = "python3 -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt && "
    assert re.findall("^python3 .*$", README, re.M) == [
        f"{setup}python autoencoder_recon.py && python encoder_2d.py", f"{setup}pytest"]


def test_the_lines_that_are_explained_are_in_the_scripts():
    recon, encoder = (Path(script.__file__).read_text("utf-8") for script in SCRIPTS)
    lines = re.findall(r"`(.+?)`", section("Words"))
    assert len(lines) == 13
    for line in lines:
        assert line in recon and line in encoder, line
    for changed in ["scale=4**2", "n_hidden_2 = 128"]:  # It is there once.
        assert recon.count(changed) == 1 and f"`{changed}`" in section("Experiments")


def test_the_flags_are_those_of_the_help(script, monkeypatch, capsys):
    """The help needs no docstring, which `python -OO` removes."""
    monkeypatch.setattr(script, "__doc__", None)
    with pytest.raises(SystemExit):
        script.main(["--help"])
    flags = set(re.findall("`(--[\\w-]+)`", section("Flags"))) - {"--help"}
    if script is encoder_2d:
        flags.remove("--examples-to-show")
    assert flags == set(re.findall(r"^  (--[\w-]+)", capsys.readouterr().out, re.M))


@only_recon
def test_own_images(run, small_data):
    """The commands of both sections work on image files. Only the epochs are fewer here."""
    digits = input_data.read_data_sets(small_data).validation.images[:24].reshape(24, 28, 28)
    for n, digit in enumerate(digits):
        for path in [f"pictures/{'cats' if n % 2 else 'dogs'}/{n}.png", f"photos/{n % 10}-{n}.png"]:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            plt.imsave(path, digit, cmap="gray_r")
    commands = re.findall(r"^python (.+?) (.+)$", section("Your own") + section("Train with"), re.M)
    assert [name for name, flags in commands] == ["-m", *["autoencoder_recon.py"] * 2, "-m", "autoencoder_recon.py"]
    for name, flags in commands:
        flags = re.sub("(epochs|size) [0-9]+", r"\1 5", flags).split()
        if name == "-m":
            own_data.main(flags[1:])
        elif "checkpoints/recon" in flags:
            run("--data-dir", ROOT / "mnist_data", *flags, "--training-epochs", 1)
        else:
            run(*flags)
    assert Path("my_digits.png").exists() and Path("my_data.png").exists()


def test_arrays(tmp_path, monkeypatch):
    """The data sets have the arrays' images with their labels. Of the CSV file, a sixth is for testing."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.integers(0, 10, 30), rng.integers(0, 256, (30, 784))])
    np.savetxt("train.csv", rows, fmt="%d", delimiter=",", header="label,pixels", comments="")
    images = rows[:, 1:].astype(np.uint8).reshape(30, 28, 28)
    np.savez("mnist.npz", x_train=images, y_train=rows[:, 0], x_test=images[:4], y_test=rows[:4, 0])
    exec(ARRAYS, {})
    for directory, train, test in [("keras_data", rows, rows[:4]), ("kaggle_data", rows[5:], rows[:5])]:
        sets = input_data.read_data_sets(directory, validation_size=0)
        for data_set, expected in [(sets.train, train), (sets.test, test)]:
            np.testing.assert_array_equal(np.rint(data_set.images * 255), expected[:, 1:])
            assert data_set.labels.tolist() == expected[:, 0].tolist()


def test_decode(script, mnist_run, mnist, tmp_path, monkeypatch, capsys):
    """It gives what NumPy makes of the saved weights. In the plane, a tile is what NumPy decodes from its place."""
    monkeypatch.chdir(tmp_path)
    program, directory = DECODE + STARS, "checkpoints/2d"
    if script is autoencoder_recon:
        program = (DECODE.partition("    # The plane")[0] + DIGITS).replace("encoder_2d", "autoencoder_recon")
        program, directory = program.replace("checkpoints/2d", "checkpoints/recon"), "checkpoints/recon"
    with pytest.raises(SystemExit, match=f"There is no model in {directory}"):
        exec(program, {})
    for source, name in [(mnist_run.directory / "new/c", directory), (ROOT / "mnist_data", "mnist_data"),
                         (ROOT / "mnist_data", "my_digits")]:
        shutil.copytree(source, name)
    exec(program, {})
    codes, reconstructions = codes_and_reconstructions(script, mnist_run.checkpoint, mnist.test.images)
    np.testing.assert_allclose(np.load("codes.npy"), codes, atol=1e-3)
    mse = float(re.fullmatch(r"Test MSE: (\S+)\n", capsys.readouterr().out)[1])
    assert mse == pytest.approx(np.mean((mnist.test.images - reconstructions) ** 2), rel=1e-3)
    if script is autoencoder_recon:
        drawn = [ax.images[0].get_array() for ax in plt.gcf().axes]
        np.testing.assert_allclose(drawn[10:], reconstructions[:10].reshape(10, 28, 28), atol=1e-3)
        assert Path("digits.png").exists()
        return
    plane, stars = (plt.figure(number) for number in plt.get_fignums())
    (image,) = plane.axes[0].images
    (left, bottom), (right, top) = np.percentile(codes, [5, 95], axis=0)
    half = (right - left) / 30, (top - bottom) / 30  # of a tile's size
    assert image.origin == "upper" and image.get_extent() == pytest.approx(
        [left - half[0], right + half[0], bottom - half[1], top + half[1]], rel=1e-3)
    for row, column in [(0, 0), (2, 13), (15, 4)]:
        place = np.array([left + (right - left) * column / 15, top - (top - bottom) * row / 15])
        tile = image.get_array()[28 * row:28 * (row + 1), 28 * column:28 * (column + 1)]
        np.testing.assert_allclose(tile.ravel(), run_layers(script, "decoder", mnist_run.checkpoint, place), atol=2e-3)
    points, own = stars.axes[0].collections
    np.testing.assert_allclose(own.get_offsets(), points.get_offsets())  # since my_digits is MNIST here
    assert Path("plane.png").exists() and Path("stars.png").exists()
