"""Delay features of flights, for training (batch) and for serving (online)."""
