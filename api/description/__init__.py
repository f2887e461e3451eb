"""The API described by itself."""
