"""Compare: two sets of answers become divergences, by key, with tolerance, without wording."""
