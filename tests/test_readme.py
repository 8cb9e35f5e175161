"""The README's program and the benchmark do what the README says."""
import re

import benchmark_training
import numpy as np
from helpers import ROOT, tensors
from numpy_network import forward

import encoder_2d


def test_program_on_a_trained_model(small_data, tmp_path, monkeypatch):
    """The program runs as it stands there, on what a run has saved, and gives what NumPy makes of that."""
    monkeypatch.chdir(tmp_path)
    encoder_2d.main(["--data-dir", str(small_data), "--training-epochs", "1", "--checkpoint-dir", "checkpoints"])
    (program,) = re.findall(r"```python\n(import encoder_2d.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    names = {}
    exec(program.replace('"mnist_data"', repr(str(small_data))), names)
    activations = forward(encoder_2d, tensors(tmp_path / "checkpoints"), names["images"])
    np.testing.assert_allclose(names["codes"], activations[len(activations) // 2], atol=1e-3)
    np.testing.assert_allclose(names["reconstructions"], activations[-1], atol=1e-4)


def test_benchmark(small_data, capsys):
    """It prints a line for each script. Its times depend on the machine."""
    benchmark_training.main(small_data, rounds=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["autoencoder_recon.py", "encoder_2d.py"]
