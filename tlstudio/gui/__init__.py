"""Owns the window: the only place that imports Qt, and a place that never imports torch."""
