"""Outside judges: they hold envfit to answers that nobody here wrote; run by hand or in the slow suite."""
