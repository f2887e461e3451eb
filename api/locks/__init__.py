"""Locks: what a planner decides about operations."""
