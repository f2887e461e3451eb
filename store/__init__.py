"""PostgreSQL / TimescaleDB: migrations, one module per aggregate, the log, bulk sinks."""
