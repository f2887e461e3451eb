"""Reports as files: CSV and XLSX for what reckons on, PDF for people. Bytes, no database."""
