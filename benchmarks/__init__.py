"""What envfit costs, beside uv, pip, PDM and Poetry on one replayed index."""
