"""FastAPI: one folder per noun, the live hub, sign-in."""
