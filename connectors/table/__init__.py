"""Tables of orders: CSV files and Excel workbooks, whatever their columns are called."""

from connectors.mapping import Mapping
from connectors.table.layout import guess
from connectors.table.reading import Preview, PreviewRow, preview, read, read_csv, read_xlsx

__all__ = [
    "Mapping",
    "Preview",
    "PreviewRow",
    "guess",
    "preview",
    "read",
    "read_csv",
    "read_xlsx",
]
