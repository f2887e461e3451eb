"""The loop: from a machine's breakdown over MQTT to a plan in force and a date on a phone."""
