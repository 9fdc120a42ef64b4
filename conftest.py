"""Plugins of the tests, which pytest reads in the root folder alone, and what processes keep."""

import os
import sys

pytest_plugins = "pytester"

# Dozens of tests start Python anew. Where nothing compiled may be kept, each of them compiles
# pytest, polars and skewtest for itself, which is more than half of all that the tests would cost.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
