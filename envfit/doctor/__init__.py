"""What is wrong with an environment, a lock or a project's files, as values: what, why, and what to do.

Pure: what was read, imported or run is handed in; nothing is looked up, and nothing is changed.
"""
