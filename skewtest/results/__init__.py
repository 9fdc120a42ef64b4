"""What a run hands on."""
