"""Alarms: the list, what people do to them, their history and rates, and what is watched for."""
