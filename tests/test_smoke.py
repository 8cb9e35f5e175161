"""A quick check on its own: a few batches of each network, and a short run of each script as a user starts it."""
import os
import re
import subprocess
import sys

import tensorflow.compat.v1 as tf
from helpers import SCRIPTS, own_lines


def test_a_few_batches_lower_the_cost(script, mnist):
    with tf.Graph().as_default(), tf.Session() as sess:
        X, encoder_op, y_pred, cost, optimizer = script.build_network(script.learning_rate)
        sess.run(tf.global_variables_initializer())
        before = sess.run(cost, feed_dict={X: mnist.test.images})
        for _ in range(20):
            batch_xs, _ = mnist.train.next_batch(256)
            sess.run(optimizer, feed_dict={X: batch_xs})
        assert sess.run(cost, feed_dict={X: mnist.test.images}) < before


def test_short_runs(small_data, tmp_path):
    """Both scripts run at once, in another directory than theirs. Without a display, nothing is said."""
    env = dict(os.environ)
    if sys.platform == "linux":  # On other systems, the windows would open, and the scripts wait for their end.
        del env["MPLBACKEND"]
        env["DISPLAY"] = ":77"  # There is none of this number.
    flags = ["--data-dir", small_data, "--training-epochs", "1"]
    processes = [subprocess.Popen([sys.executable, script.__file__, *flags], encoding="utf-8", cwd=tmp_path, env=env,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) for script in SCRIPTS]
    for script, process in zip(SCRIPTS, processes):
        out, err = process.communicate()
        assert process.returncode == 0 and own_lines(err) == []
        assert re.fullmatch(r"Epoch: 0001 cost= \d+\.\d{9}\nOptimization Finished!\n"
                            rf"Test MSE: 0\.\d{{6}} \(mean image: 0\.\d{{6}}\)\nSaved {script.__name__}\.png\n", out)
    assert {path.name for path in tmp_path.iterdir()} == {"autoencoder_recon.png", "encoder_2d.png"}
