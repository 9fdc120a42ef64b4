"""Whatever answers requests, behind one protocol."""
