"""Outside judges: answers that envfit is held to, run by hand or in the slow suite."""
