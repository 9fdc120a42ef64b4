"""What the suite is measured by: views with a planted skew, and views whose sides agree."""
