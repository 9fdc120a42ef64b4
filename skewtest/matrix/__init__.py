"""Other versions: environments, cells, and what changes between them."""
