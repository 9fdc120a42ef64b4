"""Declare: what the owner knows. Frozen values, validated when made."""
