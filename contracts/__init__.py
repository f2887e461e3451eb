"""What crosses a process boundary: ids, events, the MQTT topic grammar, the live protocol.

Nothing here decides anything and nothing here does input or output.
"""
