"""A quick check on its own: each script, as a user starts it, trains with a few batches."""
import os
import re
import sys
from contextlib import ExitStack

from helpers import SCRIPTS, own_lines, started


def test_short_runs(small_data, tmp_path):
    """Both scripts run at once, in another directory than theirs. Without a display, nothing is said."""
    env = dict(os.environ)
    if sys.platform == "linux":  # On other systems, the windows would open, and the scripts wait for their end.
        del env["MPLBACKEND"]
        env["DISPLAY"] = ":77"  # There is none of this number.
    flags = ["--data-dir", small_data, "--training-epochs", "1"]
    with ExitStack() as stack:
        processes = [stack.enter_context(started([sys.executable, script.__file__, *flags], cwd=tmp_path, env=env))
                     for script in SCRIPTS]
        for script, process in zip(SCRIPTS, processes):
            out, err = process.communicate()
            assert process.returncode == 0 and own_lines(err) == []
            assert re.fullmatch(
                r"Epoch: 0001 cost= \d+\.\d{9}\nOptimization Finished!\n"
                rf"Test MSE: 0\.\d{{6}} \(mean image: 0\.\d{{6}}\)\nSaved {script.__name__}\.png\n", out)
    assert {path.name for path in tmp_path.iterdir()} == {"autoencoder_recon.png", "encoder_2d.png"}
