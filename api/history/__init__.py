"""What a machine did between two times, for charts and for export."""
