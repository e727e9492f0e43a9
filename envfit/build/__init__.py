"""Compiling source distributions for GPUs: run, watched, read back and kept."""
