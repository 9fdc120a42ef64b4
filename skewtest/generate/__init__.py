"""Generate: Hypothesis draws small plans, numpy fills histories, many histories share a pack."""
