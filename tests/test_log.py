"""What --log-dir writes for TensorBoard."""
import os
import resource

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import costs, own_lines, start

import encoder_2d


def test_log(script, run, tmp_path):
    run("--training-epochs", 2, "--log-dir", "log", "--checkpoint-dir", "c")
    _, out, _ = run("--training-epochs", 4, "--log-dir", "log", "--checkpoint-dir", "c")
    values, graph, starts = {}, None, []
    for path in sorted((tmp_path / "log").iterdir()):
        for event in tf.train.summary_iterator(str(path)):
            if event.graph_def:
                graph = tf.GraphDef.FromString(event.graph_def)
            if event.HasField("session_log"):
                starts.append(event.step)
            for value in event.summary.value:
                values.setdefault(value.tag, []).append((event.step, value.simple_value))
    assert {tag: [step for step, _ in rows] for tag, rows in values.items()} == {
        "cost": [1, 2, 3, 4], "validation_cost": [1, 2, 3, 4]}
    assert starts == [1, 3]
    for epoch, cost in costs(out).items():
        assert float(cost) == pytest.approx(dict(values["cost"])[int(epoch)], abs=1e-9)
    boxes = {node.name.split("/")[0] for node in graph.node}
    assert boxes == {"X", "weights", "biases", "encoder", "decoder", "cost", "training", "init", "save", "settings"}
    # The layers are in their boxes, and the gradients and Adam in theirs.
    where = {node.name.split("/")[0] for node in graph.node if node.op in ("MatMul", "ResourceApplyAdam")}
    assert where == {"encoder", "decoder", "training"}


def test_validation_cost_is_the_validation_sets(script, run, tmp_path, small_data):
    run("--training-epochs", 1, "--log-dir", "log", "--checkpoint-dir", "c")
    (path,) = (tmp_path / "log").iterdir()
    (logged,) = [value.simple_value for event in tf.train.summary_iterator(str(path))
                 for value in event.summary.value if value.tag == "validation_cost"]
    images = script.input_data.read_data_sets(small_data).validation.images
    with tf.Graph().as_default(), tf.Session() as sess:
        network = script.build_network()
        tf.train.Saver(tf.trainable_variables()).restore(sess, tf.train.latest_checkpoint("c"))
        assert logged == pytest.approx(np.mean((sess.run(network.y_pred, {network.X: images}) - images) ** 2), rel=1e-5)


@pytest.mark.parametrize("script", [encoder_2d], indirect=True)
@pytest.mark.parametrize("room", ["none", "for the graph"])
def test_full_disk(room, script, run, small_data, tmp_path):
    """As a process meets it that may not write so large a file: one line, at the start or in training."""
    run("--training-epochs", 0, "--log-dir", "whole")
    (whole,) = (tmp_path / "whole").iterdir()
    limit = 10 if room == "none" else whole.stat().st_size + 100
    process = start(script, "--data-dir", small_data, "--training-epochs", 3, "--log-dir", "log", cwd=tmp_path,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    out, err = process.communicate()
    assert process.returncode == 1 and (len(costs(out)) > 0) == (room != "none")
    (line,) = own_lines(err)
    assert line.startswith(f"{script.__name__}.py: error: log/events.") and line.endswith("; File too large")


def test_a_log_never_costs_an_epoch(script, run, tmp_path, monkeypatch):
    class Writer(tf.python_io.TFRecordWriter):
        def write(self, record):
            if tf.Event.FromString(record).HasField("summary"):
                raise tf.errors.ResourceExhaustedError(None, None, "log; No space left on device")
            super().write(record)
    monkeypatch.setattr(tf.python_io, "TFRecordWriter", Writer)
    status, out, err = run("--training-epochs", 3, "--log-dir", "log", "--checkpoint-dir", "c")
    assert (status, err) == (1, f"{script.__name__}.py: error: log; No space left on device\n")
    assert len(costs(out)) == 1 and f"{script.__name__}-1.index" in os.listdir("c")
