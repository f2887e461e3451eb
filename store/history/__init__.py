"""The floor's past: roll-ups of it, how long it is kept, and how it is read.

`rollups` keeps readings, pieces and states by 5 minutes and by hours: continuous aggregates with
TimescaleDB, on plain PostgreSQL tables of our own (`plain`), under the same names. `notes` says
what came late, `retention` lets old parts go, `keep` does both again and again. `reading` answers
what a machine did between two times.
"""
