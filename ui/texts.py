"""Every word the page says, in one place. Short, kind and exact; an error says what to do next."""

from __future__ import annotations

import math

from nn import Evaluation, Number, Reading, Recipe

TITLE = "Digit Lab"
SUBTITLE = "Draw a digit. A neural network, written from scratch in NumPy, says what it reads."

# Draw
DRAW = "You draw"
CLEAR = "Clear"
UNDO = "Undo"
SAMPLES = "Or try one of these"
SAMPLE_HELP = "Put a ready-made {digit} on the slate"
PHOTO = "Photo of a digit"
PHOTO_HELP = "Or give it a photo of a digit on paper: upload, drop or paste"
PHOTO_READ = "It reads your photo now. Draw, and it reads the slate again."
PHOTO_REFUSED = "This photo cannot be read: {error}."
PHOTO_BLANK = "No ink was found in this photo. Try one with a large digit in the middle."

# It sees
SEES = "It sees"
SEES_PHOTO = "It sees, in your photo"
SEES_EMPTY = "The 28 × 28 pixels that the network reads appear here."
STEP_INK = "Find the ink: its box, its centre of mass"
STEP_FIT = "Crop, fit into 20 × 20"
STEP_CENTRE = "Centre the mass in 28 × 28"

# It says
SAYS = "It says"
INVITATION = "Draw a digit on the slate."
BLOT = "This does not look like a digit. Try one, large and by itself."
NO_NUMBER = "There are {count} marks, and mark {place} is no digit that I know."
READER = "Read by"
READERS = {"best": "Best", "original": "Original", "yours": "Yours"}
NO_READER = "No network could be loaded. Press Train: the page then reads with yours."
CHECKPOINT_LEFT_OUT = "{error}. The page goes on without it."
PROBABILITIES = "Probability of each digit"

# What preprocessing and training buy
COMPARISON = "What preprocessing and training buy"
COMPARISON_WAYS = {
    ("best", True): "Best, preprocessed",
    ("best", False): "Best, merely shrunk",
    ("original", True): "Original, preprocessed",
    ("original", False): "Original, merely shrunk",
}
COMPARISON_EMPTY = "The same drawing, read in four ways."

# Train
TRAINING = "Train a network"
RECIPE = "Recipe"
RECIPES = {
    "original": "Original: 400 full-batch epochs",
    "adam": "Adam: the same network, faster",
    "deep": "Deep: two layers, normalised",
    "best": "Best: the one shipped",
}
HIDDEN = "Hidden units"
HIDDEN_HELP = "One number a layer: 128, or 512, 256"
HIDDEN_WRONG = "Hidden units: expected one whole number a layer, such as 512, 256; got {text!r}."
LEARNING_RATE = "Learning rate"
LEARNING_RATE_HELP = "May be changed while it trains."
BATCH_SIZE = "Batch size"
FULL_BATCH = "All at once"
EPOCHS = "Epochs"
OPTIMIZER = "Optimizer"
OPTIMIZERS = {
    "gd": "Gradient descent",
    "momentum": "Momentum",
    "nesterov": "Nesterov",
    "rmsprop": "RMSprop",
    "adam": "Adam",
    "adamw": "AdamW",
}
SEED = "Random seed"
SEED_HELP = "The same seed and settings give the same network."
TRAIN = "Train"
TRAIN_AGAIN = "Train anew"
PAUSE = "Pause"
RESUME = "Resume"
STEP = "Step"
STOP = "Stop"
LOSS = "Loss"
ACCURACY = "Accuracy"
EPOCH_AXIS = "epoch"
TRAINING_CURVE = "training"
VALIDATION_CURVE = "validation"
NO_VALIDATION = "This recipe trains on all 60,000 digits: there is no validation curve."
BACK_TO_SHIPPED = "Read with Best again"
READ_WITH_YOURS = "Read with yours"
TOO_MANY = "{limit} trainings run on this server already. Try again when one has ended."
LOST = "Your training was dropped: the page did not look at it for two minutes. Train again."
FAILED = "This training ended with an error of ours. What it had learned is kept. Train again."
PAUSED = "paused"
STOPPED = "stopped"
STOPPED_BY_ITSELF = "Training stopped by itself"
STARTING = "Reading the digits"
IDLE_STATUS = "Ready to train on 60,000 handwritten digits."


def percent(share: float, decimals: int = 0) -> str:
    """A share in [0, 1] as "96 %"; never rounded up to certainty."""
    scale = 10**decimals
    value = min(round(share * 100 * scale), 100 * scale - 1) if share < 1 else 100 * scale
    return f"{value / scale:.{decimals}f} %"


def verdict(reading: Reading) -> str:
    """What the page says of a reading, after its large digit."""
    if reading.blank:
        return INVITATION
    if reading.digit is None:
        return BLOT
    if reading.runner_up is not None:
        return f"Not sure: {reading.digit} or {reading.runner_up}"
    return f"{percent(reading.confidence)} sure"


def number_verdict(number: Number) -> str:
    """What the page says of several digits: how sure of all, then of each, line by line."""
    if number.digits is None:
        return NO_NUMBER.format(count=len(number.readings), place=number.weakest + 1)
    lines = []
    for reading in number.readings:
        other = "" if reading.runner_up is None else f" or {reading.runner_up}"
        lines.append(f"{reading.digit}{other}: {percent(reading.confidence)}")
    if len(lines) > 3:  # there is room for three
        weakest = lines[number.weakest]
        return f"{percent(number.confidence)} sure\nleast of {weakest}"
    return "\n".join(lines)


def settings(recipe: Recipe) -> str:
    """A recipe in one line."""
    hidden = "-".join(str(units) for units in recipe.hidden) or "no hidden layer"
    return f"{OPTIMIZERS[recipe.optimizer]}, {hidden}, rate {recipe.learning_rate:g}"


def time_left(seconds: float | None) -> str:
    """Seconds of training to come, in words."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    whole = max(round(seconds), 1)
    return f"{whole} s left" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s left"


def tested(test: Evaluation) -> str:
    """The result on the test set."""
    return f"Test: {percent(test.accuracy, 2)}, {test.errors:,} errors in {test.samples:,}"


def accuracies(training: float, validation: float | None) -> str:
    """Both accuracies in words; the latter where there is one."""
    text = f"{percent(training, 2)} training"
    return text if validation is None else f"{text}, {percent(validation, 2)} validation"


def epoch(done: int, epochs: int) -> str:
    """How many epochs are done."""
    return f"Epoch {done} of {epochs}"


def done(epochs: int) -> str:
    """A training that went through."""
    return f"Done: {epochs} epochs" if epochs > 1 else "Done: 1 epoch"


def sharing(running: int) -> str:
    """How many train on this server, where it is more than one."""
    return "" if running < 2 else f"{running} trainings share the processor now."
