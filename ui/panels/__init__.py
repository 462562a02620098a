"""The tabs below the prediction, one module per tab; registry.py lists them."""
