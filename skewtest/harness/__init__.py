"""The pytest run."""
