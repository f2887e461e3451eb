"""How much telemetry an installation carries: gemba beside a naive chain and Telegraf, in one run.

Every system gets the same load from the same generator, a Mosquitto configured alike, and a
PostgreSQL (or TimescaleDB) of its own; the systems take turns within the run. Rates are offered
rates that a system kept up with; what was stored is counted exactly.

`python -m benchmarks.telemetry --help` names the measurements, `make bench-telemetry` makes them.
"""
