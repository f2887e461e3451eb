"""What reports show: figures with exact definitions, from plain records (ADR 17).

Every figure is a function of records and a period. Sums (times, quantities, counts) are kept and
added; ratios are taken at the very end, so a month is the sum of its days and a line the sum of its
machines. Where a ratio has nothing to be a ratio of, there is no number but a reason.
"""
