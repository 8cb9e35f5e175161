"""What the README files say: their words, flags, commands, programs, links and pictures."""
import re
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from helpers import ROOT, SCRIPTS, changed, codes_and_reconstructions, only_recon, tensors
from packaging.requirements import Requirement

import autoencoder_recon
import encoder_2d
from mnist_data import input_data, own_data

PAGES = {page: (ROOT / page / "README.md").read_text("utf-8") for page in (".", "mnist_data", "tests")}
README, DATA_README = PAGES["."], PAGES["mnist_data"]
KERAS, NOISY = re.findall(r"```python\n(.*?)```", README, re.S)
RECOGNISE, ARRAYS = re.findall(r"```python\n(.*?)```", DATA_README, re.S)


def test_each_python_that_is_named_gets_a_tensorflow():
    """pip takes the release candidate for Python 3.14 only if a requirement for that Python names one."""
    lines = [line for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines() if line[0] != "#"]
    lowest, highest = map(int, re.search(r"Python 3\.(\d+) to 3\.(\d+)", README).groups())
    assert (lowest, highest) == (10, 14)
    assert all(Requirement(line).marker for line in lines if line.startswith("tensorflow")), "each names its Pythons"
    for minor in range(lowest, highest + 1):
        environment = {"python_version": f"3.{minor}"}
        (tensorflow,) = [requirement.specifier for requirement in map(Requirement, lines)
                         if requirement.name == "tensorflow" and requirement.marker.evaluate(environment)]
        taken = list(tensorflow.filter(["2.17.1", "2.18.0", "2.21.0", "2.22.0rc0", "2.23.0"]))
        assert taken == (["2.18.0", "2.21.0"] if minor < 14 else ["2.22.0rc0"])
    setup = "python3 -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt && "
    assert re.findall("^python3 .*$", README, re.M) == [
        f"{setup}python autoencoder_recon.py && python encoder_2d.py", f"{setup}pytest"]


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures(page):
    """Each leads to a file, or to a heading of the page, and each picture is shown somewhere."""
    headings = re.findall("^#+ (.+)$", PAGES[page], re.M)
    anchors = ["#" + re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
    for target in re.findall(r"\]\((?!http)(.+?)\)", PAGES[page]):
        assert target in anchors or (ROOT / page / target).is_file(), target
    pictures = {path.name for path in (ROOT / ".github").glob("*.png")}
    assert pictures == set(re.findall(r"\.github/([\w.]+)", "".join(PAGES.values())))


def test_the_lines_that_are_named_are_in_the_scripts():
    recon, encoder = (Path(script.__file__).read_text("utf-8") for script in SCRIPTS)
    words = README.partition("## TensorFlow 1's words")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| `(.+?)`", words, re.M)
    assert len(lines) == 6
    for line in [*lines, "scale=4**2", "encoder(X)", "tf.nn.sigmoid"]:
        assert line in recon and line in encoder and f"`{line}`" in README, line
    assert "n_hidden_2 = 128" in recon and "`n_hidden_2 = 128`" in README


def test_each_command_of_a_script_has_flags_that_it_knows(monkeypatch):
    commands = re.findall(r"^(?:python3 .* && )?python (\w+)\.py(.*)$", "\n".join(PAGES.values()), re.M)
    assert len(commands) == 13
    for name, flags in commands:
        script = {script.__name__: script for script in SCRIPTS}[name]
        monkeypatch.setattr(script, "check_paths", lambda parser, args: sys.exit("the flags are right"))
        with pytest.raises(SystemExit, match="the flags are right"):
            script.main(flags.split())


def test_the_network_in_keras_has_as_many_weights(mnist):
    program = KERAS.replace('"mnist_data")', f'"{ROOT}/mnist_data", validation_size=59_000)')
    names = {}
    exec(program.replace("epochs=10", "epochs=1"), names)
    with tf.Graph().as_default():
        autoencoder_recon.build_network(0.01)
        assert names["model"].count_params() == sum(v.shape.num_elements() for v in tf.trainable_variables())


@only_recon
def test_the_noisy_digits_are_drawn_above_the_restored_ones(script, run, small_data, monkeypatch):
    new = [re.search(r"`(encoder\(tf\.add\(.*?)` for", README)[1], *NOISY.splitlines()]
    old = ["encoder(X)", "        encode_decode = sess.run(y_pred, feed_dict={X: mnist.test.images})",
           "        figure = draw(mnist.test.images[:args.examples_to_show],"]
    monkeypatch.setattr(script, "main", changed(script, dict(zip(old, new))).main)
    monkeypatch.setattr(plt, "close", lambda figure: None)
    run("--training-epochs", 1)
    drawn = np.array([ax.images[0].get_array().ravel() for ax in plt.gcf().axes[:10]])
    noise = drawn - input_data.read_data_sets(small_data).test.images[:10]
    assert noise.std() == pytest.approx(0.5, abs=0.02) and abs(noise.mean()) < 0.03


def test_own_digits_and_images(tmp_path, monkeypatch, capsys, mnist):
    """The commands work on image files, and so does the program after them. Only the trainings are shorter here."""
    monkeypatch.chdir(tmp_path)
    Path("mnist_data").symlink_to(ROOT / "mnist_data")
    for n, digit in enumerate(mnist.validation.images[:24].reshape(24, 28, 28)):
        for path in [f"pictures/{'cats' if n % 2 else 'dogs'}/{n}.png", f"photos/{n % 10}-{n}.png"]:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            plt.imsave(path, digit, cmap="gray_r")
    commands = re.findall(r"^python (.+?) (.+)$", DATA_README, re.M)
    assert len(commands) == 7 and all(command in DATA_README for command in re.findall("^python -m .*$", README, re.M))
    for name, flags in commands:
        shorter = ["--training-epochs", "1"]
        if "checkpoints/my_data" in flags:
            shorter += ["--validation-size", "5", "--batch-size", "5"]
        elif name != "-m":
            shorter += ["--validation-size", "59000"]
        script = {"-m": own_data, "autoencoder_recon.py": autoencoder_recon, "encoder_2d.py": encoder_2d}[name]
        script.main(flags.split()[1:] if name == "-m" else [*flags.split(), *shorter])
    assert re.findall("resumed from (.*?), after epoch 1; 0 more", capsys.readouterr().err) == [
        "checkpoints/recon/autoencoder_recon-1", "checkpoints/2d/encoder_2d-1"]
    exec(RECOGNISE, {})
    own = input_data.read_data_sets("my_digits").test.images
    codes, own_codes = (codes_and_reconstructions(autoencoder_recon, tensors("checkpoints/recon"), images)[0]
                        for images in (mnist.test.images, own))
    nearest = [mnist.test.labels[np.argmin(((codes - code) ** 2).sum(axis=1))] for code in own_codes]
    names = sorted(path.name for path in Path("photos").iterdir())
    assert capsys.readouterr().out.splitlines() == [
        f"{name}: nearest to a {digit}" for name, digit in zip(names, nearest)]
    ax = plt.gcf().axes[0]
    expected, _ = codes_and_reconstructions(encoder_2d, tensors("checkpoints/2d"), own)
    np.testing.assert_allclose(ax.collections[1].get_offsets(), expected, atol=1e-3)
    assert [f"{text.get_text()}.png" for text in ax.texts[10:]] == names
    assert all(Path(f"{name}.png").exists() for name in ("xavier", "my_digits", "my_plane", "my_data", "stars"))
    plt.close("all")


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
