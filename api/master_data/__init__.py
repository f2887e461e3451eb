"""Master data as a whole: imported, exported, and asked for."""
