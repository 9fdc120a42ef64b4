"""The feature view of `skewtest demo`, with a planted skew."""
