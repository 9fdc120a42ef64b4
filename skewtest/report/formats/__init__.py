"""A report in the formats that people and other programs read; each is made of the report alone."""
