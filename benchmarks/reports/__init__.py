"""How long reports take over a year of orders: every one, over HTTP, on an installation that runs.

The orders are written straight into the tables, with changes of dates, shipments, plans, stops and
stock; the stream worker judges them, as it does after a restore. Then each report is asked for over
the whole year, a month and a week, by each of its dimensions.
"""
