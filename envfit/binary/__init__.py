"""What a compiled library says of itself: the GPU code in it, what it links, which glibc it needs."""
