"""How the picture of reconstructions looks with few and many of them."""
import matplotlib.pyplot as plt
import pytest

import autoencoder_recon


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
    plt.close("all")
