"""Resolution <-> pylock (PEP 751), and the contract that says where a lock runs."""
