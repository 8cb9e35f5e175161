"""What the README says of itself: its flags, its programs and its commands."""
import re
from pathlib import Path

import benchmark_training
import numpy as np
import pytest
from helpers import ROOT, only_encoder, tensors
from numpy_network import codes_and_reconstructions

import autoencoder_recon
import encoder_2d
from mnist_data import input_data

README = (ROOT / "README.md").read_text("utf-8")


def python_block(beginning):
    """Return the program in the README that begins so."""
    (program,) = re.findall(rf"```python\n({beginning}.*?)```", README, re.S)
    return program


def test_the_table_of_flags_is_that_of_the_help(script, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")  # No help is then broken into lines.
    with pytest.raises(SystemExit):
        script.main(["--help"])
    found, expected = {}, {}
    for flag, text in re.findall(r"^  (--[\w-]+)(.*(?:\n    .*)?)$", capsys.readouterr().out, re.M):
        default = re.search(r"\(default: ([^,)]+)", text)
        found[flag] = default[1] if default else "none"
    table = README.partition("## Flags\n")[2].partition("\n## ")[0]
    for flag, default, meaning in re.findall(r"^\| `(--[\w-]+)[^`]*` \| (.*?) \| (.*) \|$", table, re.M):
        if "only in" not in meaning or script.__name__ in meaning:
            expected[flag] = default.strip("` ")
    expected["--data-dir"] = str(ROOT / "mnist_data")  # beside the script, whatever the working directory
    expected["--output"] = f"{script.__name__}.png"
    assert found == expected


@only_encoder
@pytest.mark.parametrize("initializer", ["normal", "xavier"])
def test_the_program_that_uses_a_model(initializer, run, small_data, tmp_path):
    """It gives what NumPy makes of the saved weights. Its plane reaches as far as the codes."""
    run("--training-epochs", 1, "--checkpoint-dir", "checkpoints", "--init", initializer)
    names = {}
    exec(python_block("import encoder_2d").replace('"mnist_data"', repr(str(small_data))), names)
    codes, reconstructions = codes_and_reconstructions(encoder_2d, tensors("checkpoints"), names["images"])
    np.testing.assert_allclose(names["codes"], codes, atol=1e-3)
    np.testing.assert_allclose(names["reconstructions"], reconstructions, atol=1e-4)
    for end in (np.min, np.max):
        np.testing.assert_allclose(end(names["plane"], axis=(0, 1)), end(codes, axis=0), atol=1e-3)
    assert (tmp_path / "plane.png").exists()


def test_the_program_says_that_there_is_no_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="checkpoints/ has no checkpoint"):
        exec(python_block("import encoder_2d").replace('"mnist_data"', repr(str(ROOT / "mnist_data"))), {})


@pytest.mark.parametrize("number", [np.uint8, np.int64, np.float64])
def test_the_lines_that_write_a_data_set(number, tmp_path, monkeypatch):
    """What they write is read, and trained on."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    arrays = {"train_images": rng.integers(0, 256, (300, 28, 28)), "train_labels": rng.integers(0, 10, 300),
              "test_images": rng.integers(0, 256, (50, 28, 28)), "test_labels": rng.integers(0, 10, 50)}
    exec(python_block("import numpy"), {name: array.astype(number) for name, array in arrays.items()})
    sets = input_data.read_data_sets(tmp_path, validation_size=100)
    np.testing.assert_array_equal(np.rint(sets.test.images * 255).reshape(50, 28, 28), arrays["test_images"])
    np.testing.assert_array_equal(sets.train.labels, arrays["train_labels"][100:])
    autoencoder_recon.main(["--data-dir=.", "--validation-size=100", "--batch-size=50", "--training-epochs=1"])
    assert Path("autoencoder_recon.png").exists()


def test_benchmark(small_data, capsys):
    """It prints a line for each script. Its times depend on the machine."""
    benchmark_training.main(small_data, rounds=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["autoencoder_recon.py", "encoder_2d.py"]
