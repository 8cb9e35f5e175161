"""The measures behind the article's claims agree with what is known otherwise."""
import functools

import matplotlib.pyplot as plt
import numpy as np
import pytest

pytest.importorskip("sklearn", reason="pip install scikit-learn to test what measures the claims")

import measure_claims
from measure_claims import Run, neighbour_accuracy, reconstruct


def test_pca_against_the_literature(mnist):
    """Hinton & Salakhutdinov, Science 313 (2006): 13.87 for an image of the test set and 30 components."""
    pca, images = measure_claims.PCA(30).fit(mnist.train.images), mnist.test.images
    assert ((images - reconstruct(pca, images)) ** 2).sum(axis=1).mean() == pytest.approx(13.87, rel=0.01)


def test_neighbours_in_clusters():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 60)
    corners = 100 * np.stack([labels % 4, labels // 4], axis=1)
    assert neighbour_accuracy(corners + rng.random((600, 2)), labels) == 1
    # 6 points in a cluster of 11 are one digit: each sees 5 of its own and 5 others, the others 6 against 4.
    digits = np.array([3] * 6 + [4] * 5)
    assert neighbour_accuracy(rng.random((11, 2)), digits) == pytest.approx(6 * 0.5 / 11)
    # A point is no neighbour of its own: alone among ten others, it is wrong, and they are right.
    assert neighbour_accuracy(rng.random((11, 2)), np.array([0] + [1] * 10)) == pytest.approx(10 / 11)


def test_other_depths_train_like_the_script(small_data, monkeypatch):
    """Where the widths are the script's own: not the same initial values, but much the same error."""
    run = Run(measure_claims.RECON, "xavier", 0)
    own = measure_claims.train(run, [6], small_data)["6"]
    monkeypatch.delitem(measure_claims.SCRIPTS, measure_claims.RECON)
    built = measure_claims.train(run, [6], small_data)["6"]
    assert built["test_mse"] == pytest.approx(own["test_mse"], rel=0.05) and np.shape(built["drawn"]) == (10, 784)


def test_a_run_is_the_scripts(script, run, small_data):
    """What is measured is what the command line prints."""
    (n_hidden,) = [n_hidden for n_hidden, own in measure_claims.SCRIPTS.items() if own is script]
    measured = measure_claims.train(Run(n_hidden, "normal", 3), [1, 2], small_data)
    for epochs, results in measured.items():
        assert f"\nTest MSE: {results['test_mse']:.6f}\n" in run("--training-epochs", epochs, "--seed", 3).out


def test_end_to_end(small_data, tmp_path, capsys, monkeypatch):
    """Every row and panel; and started again, the program trains only what is missing."""
    monkeypatch.setattr(measure_claims, "DEPTHS", measure_claims.DEPTHS[1:2])
    drawn, trained = {}, []

    def spy(name, keep):
        original = getattr(measure_claims, name)
        monkeypatch.setattr(measure_claims, name, lambda *args: (keep(args), original(*args))[1])
    spy("train", lambda args: trained.append(args[0]))
    spy("draw_reconstructions", lambda args: drawn.update(reconstructions=args[0]))
    spy("draw_codes", lambda args: drawn.update(codes=args[0]))
    main = functools.partial(measure_claims.main, [
        "--seeds", "0", "1", "--epochs", "1", "2", "--data-dir", str(small_data), "--output-dir", str(tmp_path)])
    main()
    out, err = capsys.readouterr()
    claims, depths, _ = out.split("\n\n")
    assert claims.count("\n| ") == 7 and claims.count(" ± ") == 12 and depths.count(" ± ") == 8 and "nan" not in out
    assert err.count("minutes left") == len(trained) == 8
    assert list(drawn["reconstructions"]) == ["original", "the article's init", "--init xavier", "PCA"]
    assert all(np.shape(images) == (10, 784) for images in drawn["reconstructions"].values())
    assert len(drawn["codes"]) == 3 and all(len(codes) == 60 for codes in drawn["codes"].values())

    runs = tmp_path / "runs.jsonl"
    runs.write_text("".join(runs.read_text("utf-8").splitlines(keepends=True)[1:]), "utf-8")
    main()
    assert capsys.readouterr().out == out and trained[8:] == trained[:1]
    plt.close("all")
