"""Who trains now: one scheduler for all visitors, in fair turns. Nothing here imports Streamlit.

snapshot    what a page sees of a training run, as values that never change
history     curves, layers and moments gathered while it trains
run         one training run: its work, its state, its history
turns       whose turn it is
limits      what a server refuses to start
scheduler   all runs, and the one thread that works on them
"""
