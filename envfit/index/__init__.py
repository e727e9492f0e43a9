"""From package indexes to distributions and their metadata.

``source.PackageIndex`` is what the rest of envfit talks to; the other files are
its parts: which indexes are configured, HTTP, the cache, the Simple API, reading
inside remote wheels, and metadata.
"""
