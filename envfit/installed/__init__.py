"""What is installed at a prefix, read from its files: nothing of it is run."""
