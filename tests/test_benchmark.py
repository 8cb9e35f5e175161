"""The benchmark trains what it says it trains. Its times are nobody's to assert."""
import benchmark_training
import pytest
from test_network import ARTICLE

from mnist_data import input_data


def test_layers(script):
    assert benchmark_training.layer_units(script) == ARTICLE[script]


@pytest.mark.parametrize("way", ["script_epoch", "article_epoch", "matmul_epoch"])
def test_an_epoch_of_each_way(way, script, small_data):
    assert getattr(benchmark_training, way)(script, input_data.read_data_sets(small_data))() > 0
