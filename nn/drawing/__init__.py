"""Drawings: from pixels, drawn or photographed, to digits."""
