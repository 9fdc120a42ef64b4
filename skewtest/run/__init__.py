"""Run: search for divergences, confirm and minimise them."""
