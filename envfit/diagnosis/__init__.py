"""What a failure text says of its cause: exception chains, messages of compilers and resolvers, error codes.

Pure: the text, the knowledge and what a check found are handed in; nothing is looked up or sent.
"""
