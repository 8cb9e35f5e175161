"""What the README says: its words, flags, commands and programs."""
import re
import shutil
from pathlib import Path

import benchmark_training
import numpy as np
import pytest
from helpers import ROOT, SCRIPTS, only_recon, tensors
from numpy_network import codes_and_reconstructions

import autoencoder_recon
import encoder_2d
from mnist_data import input_data

README = (ROOT / "README.md").read_text("utf-8")
MY_DATA, DECODE = re.findall(r"```python\n(.*?)```", README, re.S)


def section(title):
    return README.partition(f"\n## {title}")[2].partition("\n## ")[0]


def test_the_lines_that_explain_words_are_in_the_scripts():
    for line in re.findall(r"`(.+?)`", section("Words")):
        assert all(line in (ROOT / f"{script.__name__}.py").read_text("utf-8") for script in SCRIPTS), line


def test_the_table_of_flags_is_that_of_the_help(script, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")  # No help is then broken into lines.
    with pytest.raises(SystemExit):
        script.main(["--help"])
    found, expected = {}, {}
    for flag, text in re.findall(r"^  (--[\w-]+)(.*(?:\n    .*)?)$", capsys.readouterr().out, re.M):
        default = re.search(r"\(default: ([^,)]+)", text)
        found[flag] = default[1] if default else "none"
    for flag, default, meaning in re.findall(r"^\| `(--[\w-]+)[^`]*` \| (.*?) \| (.*) \|$", section("Flags"), re.M):
        if "only in" not in meaning or script.__name__ in meaning:
            expected[flag] = default.strip("` ")
    expected["--data-dir"] = str(ROOT / "mnist_data")  # beside the script, whatever the working directory
    expected["--output"] = f"{script.__name__}.png"
    assert found == expected


def test_the_command_that_tests_is_that_of_ci():
    """.ci/run finds it in the README, and runs it with other versions, too."""
    (pattern,) = re.findall(r"grep -m 1 '(.+)' README", (ROOT / ".ci/run").read_text("utf-8"))
    (command,) = re.findall(pattern, README, re.M)
    assert command.endswith(" && pip install -r requirements.txt && pytest")


@only_recon
@pytest.mark.parametrize("own", [False, True])
def test_my_data(own, run, monkeypatch):
    """The program works as it is, and with arrays of bytes. The flags that stand below it train on what it writes."""
    shutil.copytree(ROOT / "mnist_data", "mnist_data")
    images, labels = input_data.read_data_sets("mnist_data").validation.images[:300], np.zeros(300)
    program = MY_DATA
    if own:
        np.savez("own.npz", images=np.rint(images * 255).astype(np.uint8).reshape(300, 28, 28), labels=labels)
        for line, new in [("images = mnist.*", "images = np.load('own.npz')['images']"), ("white = 1", "white = 255"),
                          ("labels = mnist.*", "labels = np.load('own.npz')['labels']")]:
            program, changed = re.subn(line, new, program)
            assert changed == 1
    exec(program, {})
    order = np.random.default_rng(0).permutation(300)
    sets = input_data.read_data_sets("my_data", validation_size=0)
    np.testing.assert_array_equal(np.concatenate([sets.test.images, sets.train.images]), images[order])
    assert own == (not sets.train.labels.any())
    (flags,) = re.findall(r"^python my_data.py && python autoencoder_recon.py (.*)$", README, re.M)
    assert "Test MSE: " in run(*flags.replace("epochs 100", "epochs 1").split()).out


@pytest.mark.parametrize("initializer", ["normal", "xavier"])
def test_decode(initializer, script, run, mnist, capsys):
    """It gives what NumPy makes of the saved weights. Its plane reaches as far as the codes."""
    run("--training-epochs", 1, "--init", initializer, "--checkpoint-dir", "checkpoints/2d")
    shutil.copytree(ROOT / "mnist_data", "mnist_data")
    program, names = DECODE, {}
    if script is autoencoder_recon:
        program = program.partition("    # The plane:")[0].replace("encoder_2d", "autoencoder_recon")
    exec(program, names)
    codes, reconstructions = codes_and_reconstructions(script, tensors("checkpoints/2d"), mnist.test.images)
    np.testing.assert_allclose(np.load("codes.npy"), codes, atol=1e-3)
    np.testing.assert_allclose(names["reconstructions"], reconstructions, atol=1e-3)
    mse = float(re.fullmatch(r"Test MSE: (\S+)\n", capsys.readouterr().out)[1])
    assert mse == pytest.approx(np.mean((mnist.test.images - reconstructions) ** 2), rel=1e-3)
    if script is encoder_2d:
        for end in (np.min, np.max):
            np.testing.assert_allclose(end(names["plane"], axis=(0, 1)), end(codes, axis=0), atol=1e-3)
        assert Path("plane.png").exists()


def test_benchmark(small_data, capsys):
    """It prints a line for each script. Its times depend on the machine."""
    benchmark_training.main(small_data, rounds=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["autoencoder_recon.py", "encoder_2d.py"]
