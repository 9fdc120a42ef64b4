"""Interpreters with versions of libraries: declared, built, kept."""
