"""Notifications in browsers: who wants them on which device."""
