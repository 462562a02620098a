"""The command line: `python -m nn train | evaluate | predict | bench | pen`."""
