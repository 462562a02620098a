"""The synthetic pen: digits written as people write them, to train on."""
