"""How the pictures look: reconstructions, few and many, and the digits written among the codes."""
import matplotlib.pyplot as plt
import numpy as np
import pytest

import autoencoder_recon
import encoder_2d


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("n", [1, 10, 100])
def test_nothing_is_cut_off_or_covered(n, mnist):
    autoencoder_recon.draw(mnist.test.images[:n], mnist.test.images[100:][:n])
    figure = plt.gcf()
    figure.canvas.draw()
    boxes = [ax.get_window_extent() for ax in figure.axes]
    boxes += [ax.yaxis.label.get_window_extent() for ax in figure.axes if ax.get_ylabel()]
    assert len(boxes) == 2 * n + 2
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_digits_are_written_in_their_clusters():
    """The digit 0 has two clusters. Its median and its mean lie in that of the digit 1, which is between them.

    The digit 2 has fewer points in its own cluster than among those of the digit 3, where the 3 outnumbers it.
    """
    rng = np.random.default_rng(0)
    clusters = [(0, -20, 0, 150), (1, 0, 0, 200), (0, 20, 0, 150), (3, 0, 30, 900), (2, 0, 30, 300), (2, 20, 30, 60)]
    clusters += [(digit, 10 * digit, -30, 100) for digit in range(4, 10)]  # digit, x and y of the middle, points
    codes = np.concatenate([(x, y) + rng.uniform(-1.5, 1.5, (n, 2)) for _, x, y, n in clusters])
    labels = np.concatenate([np.full(n, digit) for digit, _, _, n in clusters])
    encoder_2d.plot_codes(codes, labels)
    written = {int(text.get_text()): text.get_position() for text in plt.gca().texts}
    assert sorted(written) == list(range(10)) and len(set(written.values())) == 10
    for digit, (x, y) in written.items():
        cell = np.ptp(codes, axis=0) / 40
        near = (abs(codes - (x, y)) <= cell / 2 * 1.01).all(axis=1)
        assert (labels[near] == digit).sum() > (labels[near] != digit).sum(), digit
    assert written[0][1] == pytest.approx(0, abs=2) and abs(written[0][0]) == pytest.approx(20, abs=2)
    assert written[2] == pytest.approx((20, 30), abs=2)
