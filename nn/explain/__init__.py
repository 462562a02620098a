"""Why this digit: what a network attends to, and the state of its layers."""
