"""The training lab: presets, lessons, hints and links; panels for charts, moments and the race.

presets, lessons, hints, links, runs, curves, frames and pieces know no page; the panels do.
"""
