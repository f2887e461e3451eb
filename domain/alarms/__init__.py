"""Alarms as ISA-18.2 and IEC 62682 have them: decisions without a database or a clock."""
