"""A neural network from scratch in NumPy, from the bytes of MNIST to the reading of a drawing.

The core, best read in this order; each module adds one thing to those before it:

    mnist        the data: 70,000 images with labels, checked and parsed
    layers       y = f(x) and its derivative: dense, activations, batch normalisation, dropout
    convolution  layers of images: convolution, pooling, and the way there and back
    losses       softmax and cross-entropy: one number that says how wrong the network is
    optimizers   how the parameters follow the gradient: from gradient descent to AdamW
    calibration  how far a network's probabilities can be trusted
    network      layers in a row, over one flat vector of parameters and one of gradients
    recipes      named settings of a training run
    metrics      how well a network reads digits, and which ones it misreads
    divergence   when training goes wrong
    training     all of it together: a generator that trains and reports its progress
    teach        a trained network learns one person's handwriting
    checkpoint   a network in a file

and `errors`, the base class of what is refused. Around the core:

    drawing/     pixels to digits: preprocessing, image_file, rows, segmentation, rules, photo,
                 reading
    pen/         a synthetic pen to train on: skeletons, pen, augment, batches
    explain/     why this digit: attribution, filters, shift, projection, neighbours, diagnostics
    command_line/  python -m nn
"""

from .checkpoint import Checkpoint, CheckpointError, load_checkpoint, load_network, save_checkpoint
from .divergence import DivergenceError
from .drawing.image_file import PhotoError
from .drawing.photo import photo_ink
from .drawing.preprocessing import Preprocessing, canvas_to_input, preprocess_ink
from .drawing.reading import (
    Found,
    Number,
    Reading,
    find_digits,
    judge,
    judge_number,
    read,
    read_number,
    separate,
)
from .metrics import Evaluation, evaluate
from .mnist import DataError, Dataset, load_mnist
from .network import Network
from .recipes import RECIPES, Recipe, RecipeError
from .teach import teach
from .training import Progress, split_validation, train

__all__ = [
    "RECIPES",
    "Checkpoint",
    "CheckpointError",
    "DataError",
    "Dataset",
    "DivergenceError",
    "Evaluation",
    "Found",
    "Network",
    "Number",
    "PhotoError",
    "Preprocessing",
    "Progress",
    "Reading",
    "Recipe",
    "RecipeError",
    "canvas_to_input",
    "evaluate",
    "find_digits",
    "judge",
    "judge_number",
    "load_checkpoint",
    "load_mnist",
    "load_network",
    "photo_ink",
    "preprocess_ink",
    "read",
    "read_number",
    "save_checkpoint",
    "separate",
    "split_validation",
    "teach",
    "train",
]
