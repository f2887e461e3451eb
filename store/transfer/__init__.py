"""Carrying everything of one database into another one, for a move to larger servers.

`tables.shared_tables` says what there is to carry and in which order, `copying.copy_all` carries it
in one transaction, and `comparing.differences` proves that both sides hold the same.
"""
