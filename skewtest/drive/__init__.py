"""Drive: run the batch implementation once a pack, the online one event by event."""
