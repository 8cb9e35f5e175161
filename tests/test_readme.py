"""The README's programs do what the README says."""
import re

import pytest
from conftest import ROOT

import encoder_2d


@pytest.mark.skipif(encoder_2d.n_hidden_4 != 2, reason="the program decodes points of the plane")
def test_program_on_a_trained_model(small_data, tmp_path, monkeypatch, capsys):
    """It runs as it stands there, on what a run has saved, and has that run's error."""
    monkeypatch.chdir(tmp_path)
    encoder_2d.main(["--data-dir", str(small_data), "--training-epochs", "1", "--checkpoint-dir", "checkpoints"])
    (program,) = re.findall(r"```python\n(import encoder_2d.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    names = {}
    exec(program.replace('"mnist_data"', repr(str(small_data))), names)
    mse = ((names["reconstructions"] - names["images"]) ** 2).mean()
    assert f"Test MSE: {mse:.6f}" in capsys.readouterr().out
