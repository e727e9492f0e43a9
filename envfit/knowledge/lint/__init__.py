"""Lints of the knowledge base: what would mislead a resolver, a reader, or whoever adds the next rule.

Each file holds the lints of one subject, as functions from a ``Subject`` to findings;
``run`` calls them all.  Nothing here reads files or looks at a clock.
"""
