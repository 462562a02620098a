"""Run the command line: `python -m nn`; see nn/command_line/main.py."""

import os
import sys

from nn.command_line.main import main

if __name__ == "__main__":
    try:
        try:
            sys.exit(main())
        finally:
            print(end="", flush=True)  # fails here, where it can be caught
    except OSError:  # the reader has gone, or what main could not write is still there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
