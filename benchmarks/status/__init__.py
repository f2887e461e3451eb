"""How long "where is my order?" takes while the floor is counted.

100,000 orders with 1,000,000 operations stand in the database, telemetry flows over MQTT, and a
process of its own asks for random orders at a steady rate, each with a bearer token: staff by
`GET /v1/orders/{number}/status`, customers by `GET /v1/own/orders/{number}` under row-level
security. A question is timed from the moment it was due, so waiting for a free connection counts.
"""
