"""The live hub: boards, order pages, terminals and customers over one WebSocket endpoint."""
