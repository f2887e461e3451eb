"""Replayers: recorded or scripted messages, published as a real machine would."""
