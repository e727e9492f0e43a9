"""From the files that indexes list to candidates on a target, best first.

``select.Selector`` chooses, ``candidates`` is what it returns, ``ordering`` tells
which of many versions a specifier admits without asking each, ``positions`` are
the sets that all of it speaks in.
"""
