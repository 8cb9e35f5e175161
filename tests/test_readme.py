"""The README's program does what the README says."""
import re
import subprocess
import sys

from conftest import ROOT

import encoder_2d


def test_readme_snippet(small_data, tmp_path):
    """The README's program runs as it stands there, in another process, beside the scripts."""
    readme = (ROOT / "README.md").read_text()
    (snippet,) = re.findall(r"```python\n(import encoder_2d.*?)```", readme, re.S)
    for name in ("encoder_2d.py", "mnist_data"):
        (tmp_path / name).symlink_to(ROOT / name)
    encoder_2d.main(["--data-dir", str(small_data), "--training-epochs", "1", "--output", str(tmp_path / "a.png"),
                     "--checkpoint-dir", str(tmp_path / "checkpoints")])
    check = "print(codes.shape, reconstructions.shape, codes.std() > 0, float(((reconstructions - images)**2).mean()))"
    process = subprocess.run([sys.executable, "-c", snippet + check], cwd=tmp_path, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    shapes, _, mse = process.stdout.strip().rpartition(" ")
    assert shapes == "(100, 2) (100, 784) True"
    # One epoch of two steps lies well below the untrained network's 0.37.
    assert 0.1 < float(mse) < 0.36
