"""Programs that an environment's own Python runs on the GPU; none of them is imported by envfit."""
