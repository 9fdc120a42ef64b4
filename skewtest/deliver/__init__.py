"""Deliver: histories become operations, the events and requests that reach the online side."""
