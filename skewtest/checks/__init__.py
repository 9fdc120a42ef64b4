"""The questions that are asked with the engine."""
