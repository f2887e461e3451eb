"""Telling customers by themselves that a date has moved: whom, when, why, in which words."""
