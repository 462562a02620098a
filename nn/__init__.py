"""A neural network from scratch in NumPy, from MNIST's bytes to a verdict on a drawing.

Read it in this order; each module adds one thing to those before it:

    mnist        the data: 70,000 images with labels, checked and parsed
    workspace    memory for what lives no longer than one step
    layers       y = f(x) and its derivative: dense, activations, batch normalisation, dropout
    losses       softmax and cross-entropy: one number that says how wrong the network is
    optimizers   how the parameters follow the gradient: from gradient descent to AdamW
    schedules    how large a step they take, early and late
    calibration  what a network's probabilities are worth
    network      layers in a row, over one flat vector of parameters and one of gradients
    refusal      what an error is about, apart from its sentence
    recipes      the settings of a training under a name
    metrics      how good it is, on digits it has not seen, and which of them it gets wrong
    neighbours   the digits of a data set that are most alike, pixel by pixel
    projection   a layer of many units seen from the side where it shows most: principal components
    preprocess   a drawing on a canvas becomes the 28 x 28 that the network knows
    skeletons    how people write, as text: one line a style
    pen          a synthetic pen: skeletons in a hand, drawn as digits
    augment      a digit distorted: turned, bent, thicker or thinner
    supply       what a training reads: the data, with the pen's digits among it, distorted
    diagnostics  how each layer stands: norms, dead units
    state        all it takes to go on with a training elsewhere
    watch        when a training has diverged
    progress     what a training tells whenever it pauses
    training     all of it put together: a generator that trains and tells how far it is
    reading      one canvas judged: a digit with its confidence, or an honest refusal
    explain      why this digit: what each pixel and each hidden unit adds to a score
    segmentation the ink of digits side by side, split into one canvas each
    number       several digits on one canvas, read from left to right
    photo        a picture file becomes ink: uneven light, any mode, any size or a refusal
    checkpoint   a network in a file; and __main__, console, bench: the command line
"""

from .checkpoint import Checkpoint, CheckpointError, load_checkpoint, load_network, save_checkpoint
from .metrics import Evaluation, evaluate
from .mnist import DataError, Dataset, load_mnist
from .network import Network
from .number import Number, judge_number, read_number, separate
from .photo import PhotoError, photo_ink
from .preprocess import Preprocessing, canvas_to_input
from .progress import Progress
from .reading import Reading, judge, read
from .recipes import RECIPES, Recipe, RecipeError
from .state import TrainingState
from .supply import split_validation
from .training import train
from .watch import DivergenceError

__all__ = [
    "RECIPES",
    "Checkpoint",
    "CheckpointError",
    "DataError",
    "Dataset",
    "DivergenceError",
    "Evaluation",
    "Network",
    "Number",
    "PhotoError",
    "Preprocessing",
    "Progress",
    "Reading",
    "Recipe",
    "RecipeError",
    "TrainingState",
    "canvas_to_input",
    "evaluate",
    "judge",
    "judge_number",
    "load_checkpoint",
    "load_mnist",
    "load_network",
    "photo_ink",
    "read",
    "read_number",
    "save_checkpoint",
    "separate",
    "split_validation",
    "train",
]
