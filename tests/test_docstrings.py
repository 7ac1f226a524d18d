"""The examples in docstrings print what they say."""

import doctest
import importlib
import pkgutil

import pytest
import sklearn

import sklearn_em

FINDER = doctest.DocTestFinder(exclude_empty=True)
HAS_CALLBACKS = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)


def examples():
    for info in pkgutil.walk_packages(sklearn_em.__path__, "sklearn_em."):
        module = importlib.import_module(info.name)
        for test in FINDER.find(module):
            if test.examples:
                yield pytest.param(test, id=test.name)


@pytest.mark.parametrize("example", examples())
def test_example(example):
    if "TraceCallback" in example.name and not HAS_CALLBACKS:
        pytest.skip("scikit-learn before 1.9")
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS).run(example)
    assert result.attempted > 0
    assert result.failed == 0
