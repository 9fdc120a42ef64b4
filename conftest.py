"""Plugins of the tests: pytest reads this setting in the root folder alone."""

pytest_plugins = "pytester"
