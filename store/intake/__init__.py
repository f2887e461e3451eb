"""What intake keeps: channels, the register of documents, names, mappings, remembered answers."""
