"""Master data as documents tell it: kinds of records, reading, validation as a whole."""
