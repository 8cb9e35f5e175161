"""What the tests share: the scripts, readers of what a run writes, and the networks in NumPy."""
import contextlib
import re
import subprocess
import threading
from pathlib import Path
from types import ModuleType

import autoencoder_recon  # before TensorFlow: hides most of its messages
import encoder_2d

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

ROOT = Path(autoencoder_recon.__file__).resolve().parent
SCRIPTS = [autoencoder_recon, encoder_2d]
# What is the same text in both scripts is tested with one of them.
only_recon = pytest.mark.parametrize("script", [autoencoder_recon], indirect=True)
only_encoder = pytest.mark.parametrize("script", [encoder_2d], indirect=True)


def changed(script, changes):
    """Return the script as a module with new texts in place of old ones, a dict: what a reader's changes make of it."""
    text = Path(script.__file__).read_text("utf-8")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    module = ModuleType(script.__name__)
    module.__file__ = script.__file__
    exec(compile(text, script.__file__, "exec"), vars(module))
    return module


@contextlib.contextmanager
def started(command, **kwargs):
    """Start a process, and kill it after five minutes, so that no test waits for ever."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen(command, **pipes, **kwargs) as process:
        timer = threading.Timer(300, process.kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()


def own_lines(err):
    """Return the lines of a process's stderr that are not of TensorFlow's C++ parts. No setting stops all of those."""
    theirs = r"WARNING: All log messages before absl|[IWE]\d{4} [\d:.]+ +\d+ \S+\.cc:"
    return [line for line in err.splitlines() if not re.match(theirs, line)]


def costs(out):
    """Return the printed costs, a dict of texts by the texts of their epochs."""
    return dict(re.findall(r"^Epoch: (\d+) cost= (\S+)$", out, re.M))


def tensors(directory):
    """Return all tensors of the last checkpoint in a directory, by name: weights, biases, Adam's state and settings."""
    reader = tf.train.load_checkpoint(str(directory))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def snapshot(directory):
    """Return all that is below a directory: the files with the times of their last change, and the directories."""
    return {path: path.stat().st_mtime_ns if path.is_file() else None for path in directory.rglob("*")}


def read_log(directory):
    """Return the costs in a log, by (tag, epoch), and the nodes of its graph, with their names and operations."""
    values, nodes = {}, []
    for path in sorted(directory.iterdir()):
        assert ".tfevents." in path.name  # TensorBoard knows its files by that
        for event in tf.train.summary_iterator(str(path)):
            for value in event.summary.value:
                values[value.tag, event.step] = value.simple_value
            nodes += tf.GraphDef.FromString(event.graph_def).node
    return values, nodes


def codes_and_reconstructions(script, values, x):
    """Return what encoder_op and y_pred should give for the images x, with the values of the variables, by name.

    This is the network in NumPy, in float64: what the graphs are compared with.
    """
    codes = run_layers(script, "encoder", values, x)
    return codes, run_layers(script, "decoder", values, codes)


def run_layers(script, half, values, x):
    """Return what a half of the network, "encoder" or "decoder", should make of x."""
    n_layers = 4 if script is encoder_2d else 2
    for k in range(1, n_layers + 1):
        x = x @ values[f"weights/{half}_h{k}"].astype(float) + values[f"biases/{half}_b{k}"]
        if (script, half, k) != (encoder_2d, "encoder", 4):  # That layer is linear.
            x = 1 / (1 + np.exp(-x))
    return x
