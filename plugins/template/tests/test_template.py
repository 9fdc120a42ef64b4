import importlib.metadata

import skewtest
import skewtest_template


def test_the_template_is_installed_beside_the_skewtest_it_is_written_for():
    assert importlib.metadata.requires("skewtest-template") == ["skewtest>=0.1"]
    assert skewtest.__version__.startswith("0.")


def test_every_public_name_exists():
    for name in skewtest_template.__all__:
        assert hasattr(skewtest_template, name)
