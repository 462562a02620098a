"""All that the page remembers of one visitor, in one object; the page's modules read and change it.

Streamlit runs the page's script anew at every press. What must outlive a run is an attribute here;
Streamlit itself only keeps the widgets' values.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from operator import is_
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from nn import CheckpointError, Dataset, Found, Network, Number, Preprocessing, Recipe, RecipeError
from nn.explain.attribution import explaining
from nn.teach import TEACHING

from .eraser import Strokes, erase, erases
from .files import network_from_upload
from .hand import Hand, dataset
from .presets import PRESETS
from .runs import Run, Runs, fitting
from .storage import Kept, Store, StoreError
from .training.snapshot import Mark, Moment, Snapshot, State
from .training.trainers import Trainers
from .view.film import Film
from .view.landscape import Landscape

BY_TOKEN: WeakValueDictionary[str, Session] = WeakValueDictionary()  # not yet forgotten
PEN_SECONDS = 0.3  # that the pen is taken to move after each picture
STEPS = 100  # on the slate that can be undone
YOURS = "yours"  # the reader that is the controlled run
COMPARABLE = (str, int, float, tuple, frozenset, type(None))

T = TypeVar("T")


@dataclass
class Slate:
    """The drawing surface.

    The canvas sends all strokes after each new one. Each time that the page itself puts strokes on
    the slate, the canvas begins anew with them, and a stroke may still come that was drawn before.

    Attributes
    ----------
    strokes : what is on it, as objects of the canvas
    before, undone : what was on it before each step, and what each undoing took off it
    start, count : what the page put on it last, and how often it did so
    taken : how many strokes are known of the canvas as of each of these times
    tool : the width of the pen, or the eraser, by name
    picture, found : the latest drawing as it came, and its digits; None for a blank one
    drawings : how many have come
    pen_since, pen_until : when it began to move, and how long it is taken to, in seconds of a
        monotonic clock
    unshown : whether a stroke has come that the page does not show yet
    """

    strokes: Strokes = field(default_factory=list)
    before: list[Strokes] = field(default_factory=list)
    undone: list[Strokes] = field(default_factory=list)
    start: dict[str, Any] | None = None
    count: int = 0
    taken: list[int] = field(default_factory=lambda: [0])
    tool: str = "medium"
    picture: bytes | None = None
    found: Found | None = None
    drawings: int = 0
    pen_since: float = 0.0
    pen_until: float = 0.0
    unshown: bool = False

    @property
    def changes(self) -> int:
        """How often what is on it has changed, as far as the server knows."""
        return self.count + self.drawings

    def pen_moves(self) -> None:
        """A picture of a stroke has come that is still being drawn."""
        now = time.monotonic()
        if now > self.pen_until:
            self.pen_since = now
        self.pen_until = now + PEN_SECONDS

    def pen_lifted(self) -> None:
        """The stroke is done, and on its way to the page."""
        self.pen_until = 0.0

    def stroke_came(self) -> None:
        """It is here: nothing waits until it is shown, not even for the next stroke."""
        self.pen_until, self.unshown = 0.0, True

    def take(self, objects: Strokes, count: int) -> None:
        """Add the strokes that are new, or let them erase.

        Parameters
        ----------
        objects : all that is on the canvas
        count : which of the page's drawings they were drawn upon, at most the present one
        """
        if count == self.count and len(objects) < self.taken[count]:  # a canvas made anew
            self.taken[count] = len(objects)
            self._change(objects)
        new = objects[self.taken[count] :]
        self.taken[count] += len(new)
        for stroke in new:
            if erases(stroke):
                self._change(erase(self.strokes, stroke))
            else:
                self._change([*self.strokes, stroke])
        if any(map(erases, new)) or (new and count != self.count):
            self._show()  # for what is on the canvas is something else

    def put(self, objects: Strokes) -> None:
        """Replace what is on it by these strokes; nothing for a blank slate."""
        self._change(objects)
        self._show()

    def undo(self) -> None:
        """Go back by one step: a stroke, an erasing, or what the page put on it."""
        if self.before:
            self.undone.append(self.strokes)
            self.strokes = self.before.pop()
            self._show()

    def redo(self) -> None:
        """Take back the latest undoing that nothing has followed."""
        if self.undone:
            self.before.append(self.strokes)
            self.strokes = self.undone.pop()
            self._show()

    def _change(self, strokes: Strokes) -> None:
        if len(strokes) == len(self.strokes) and all(map(is_, strokes, self.strokes)):
            return
        self.before = [*self.before, self.strokes][-STEPS:]
        self.strokes, self.undone = strokes, []

    def _show(self) -> None:
        self.count += 1
        self.start = {"objects": self.strokes}
        self.taken.append(len(self.strokes))
        if not self.strokes:
            self.picture = self.found = None


@dataclass
class Photo:
    """A photo that is read in place of the slate, until something new is drawn.

    Attributes
    ----------
    found : its digits; None while there is no photo
    given_at : the slate's picture and count when it was given
    turns : by how many quarters the visitor has turned it clockwise
    error : why it cannot be read, or the name of the sentence that says so
    """

    found: Found | None = None
    given_at: tuple[bytes | None, int] = (None, 0)
    turns: int = 0
    error: Exception | str | None = None


@dataclass
class Question:
    """Why `a` and not `b`? The verdict and what comes second, until the visitor asks otherwise.

    Attributes
    ----------
    verdict : the drawing's, when the question was made
    asked : whether the visitor has chosen; then it stays for as long as the verdict does
    erased : rows and columns of patches taken away
    """

    verdict: int
    a: int
    b: int
    steps: Preprocessing
    asked: bool = False
    erased: frozenset[tuple[int, int]] = frozenset()


@dataclass
class Inspection:
    """What the visitor looks at inside a network.

    Attributes
    ----------
    reader, widths : the network's name and its hidden units; for others it begins anew
    chosen : the unit that is shown: its layer, counted from 1, and its place
    disabled : units without which the prediction is made again
    shown : the units of each layer in the picture
    windows : by convolution, counted from 1, the place in its filters' maps, row and column after
        pooling; none where the page chooses
    """

    reader: str = ""
    widths: tuple[int, ...] = ()
    chosen: tuple[int, int] | None = None
    disabled: frozenset[tuple[int, int]] = frozenset()
    shown: tuple[tuple[int, ...], ...] = ()
    windows: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass
class Displacement:
    """How the visitor moves the drawing, and who reads it then.

    Attributes
    ----------
    right, angle, scale : pixels, degrees clockwise, and percent of the size
    readers : the names of two networks; None where the page chooses
    """

    right: int = 0
    angle: int = 0
    scale: int = 100
    readers: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True)
class Computed(Generic[T]):
    """What a panel shows of a network: a result, and which network it is of.

    Attributes
    ----------
    reader, network, epoch : its name on the page, the network, and its position in training
    result : of the computation
    fresh : whether that is the network that reads now
    at : when it was finished, in seconds of a monotonic clock
    """

    reader: str
    network: Network
    epoch: float | None
    result: T
    fresh: bool = True
    at: float = 0.0


@dataclass
class Session:
    """One visitor.

    Attributes
    ----------
    visitor : a random token, the same at each visit
    token : another one, which only this page has
    scheduler, store : the server's; the latter None where no runs are kept
    stale : the page needs a full run, since a part changed that another part shows
    pressed : a press in the sidebar's panel was taken that the panel has not shown yet
    polled : what the page's polling was set up for, see page/polling.py
    polls : whether the browser polls, which it goes on with until a full run without has come
    reader, reader_wanted : the network that reads, and the one that shall as soon as it exists
    network : that reader itself
    reader_form, recipe_form : counts how often the page itself set these widgets; each time they
        are made anew, since the browser may still send the old ones' values
    hand : the drawings that the visitor has said the digits of
    to_slate : the page is to bring the slate into view
    chosen : of several digits, the place of the one that the visitor wants to look at
    other_run : a run that can be read with beside the controlled one
    bases : what a preset starts from, where that is no longer the preset itself
    recipe, recipe_error : what the sidebar's fields say, or why that is no recipe
    room_kept : the run whose network was stored with its room last
    room_deleted : the code of the room that this page has deleted
    run_to_choose : a run that the panel "Runs" is to show next
    kept : the visitor's kept runs as of this session's latest change; None before the first look
    """

    visitor: str
    scheduler: Trainers
    store: Store | None = None
    token: str = field(default_factory=secrets.token_urlsafe)
    runs: Runs = field(default_factory=Runs)
    stale: bool = False
    pressed: bool = False
    polled: tuple[Any, ...] = ()
    polls: bool = False
    language: str = ""
    language_chosen: bool = False
    slate: Slate = field(default_factory=Slate)
    photo: Photo = field(default_factory=Photo)
    hand: Hand = field(default_factory=Hand)
    to_slate: bool = False
    chosen: tuple[Found, int] | None = None
    reader: str = ""
    reader_wanted: str | None = None
    network: Network | None = None
    reader_form: int = 0
    other_run: str | None = None
    link_followed: bool = False
    link_error: Exception | None = None
    preset: str = next(iter(PRESETS))
    seed: int = 0
    bases: dict[str, Recipe] = field(default_factory=dict)
    recipe_form: int = 0
    recipe: Recipe | None = None
    recipe_error: Exception | None = None
    start_error: Exception | None = None
    race_error: Exception | None = None
    teach_error: Exception | None = None
    load_error: Exception | None = None
    kept: tuple[Kept, ...] | None = None
    store_error: StoreError | None = None
    room_error: str | None = None
    submitted: str = ""
    submit_error: str = ""
    room_kept: str = ""
    room_deleted: str = ""
    panel: str = ""
    run_to_choose: str | None = None
    question: Question | None = None
    inspection: Inspection = field(default_factory=Inspection)
    displacement: Displacement = field(default_factory=Displacement)
    step: int = 0
    film: Film | None = None
    film_moments: tuple[Moment, ...] = ()
    film_due: float = 0.0
    landscape: Landscape | None = None
    downloads: dict[str, tuple[str, float]] = field(default_factory=dict)
    _memo: dict[str, tuple[tuple[object, ...], Any]] = field(default_factory=dict)
    _computed: dict[str, Computed[Any]] = field(default_factory=dict)
    _computing: dict[str, Computed[None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        BY_TOKEN[self.token] = self

    # Training

    def start(
        self,
        recipe: Recipe,
        seed: int,
        name: str,
        *,
        epochs: int | None = None,
        batches: int | None = None,
        beside: bool = False,
    ) -> Run:
        """Start a training run beside those there are.

        Parameters
        ----------
        recipe, seed, name : of the run
        epochs, batches : pause after so many; None to go through
        beside : leave the sidebar's control, and the network that reads, as they are

        Raises
        ------
        LimitError
            It is more than the server allows; the other runs stay as they are.
        """
        training = self.scheduler.start(
            recipe, seed=seed, visitor=self.visitor, epochs=epochs, batches=batches
        )
        run = self.runs.add(name, recipe, seed, training=training)
        if not beside:
            self.runs.current = run.id
            self.read_with(YOURS)
        return run

    def teach(
        self,
        network: Network,
        name: str,
        *,
        recipe: Recipe = TEACHING,
        seed: int = 0,
        epochs: int | None = None,
        batches: int | None = None,
    ) -> Run:
        """Teach a copy of a network the visitor's hand; it becomes the one that reads.

        Parameters
        ----------
        network, name : the former is not changed; the latter is the run's
        recipe, seed : of the teaching
        epochs, batches : pause after so many; None to go through

        Raises
        ------
        RecipeError
            There are no drawings.
        LimitError
            It is more than the server allows; nothing changes.
        """
        if not len(self.hand):
            raise RecipeError("expected drawings to teach, got none", kind="no_drawings")
        drawings = dataset(self.hand)
        run = self._taught(network, name, drawings, recipe, seed, epochs=epochs, batches=batches)
        known = (each.snapshot for each in self.runs if each.network is network)
        run.before_test = next((each.test for each in known if each and each.test), None)
        run.last_drawing = max(drawing.number for drawing in self.hand)
        return run

    def learn_room(
        self,
        room: str,
        network: Network,
        name: str,
        drawings: Dataset,
        recipe: Recipe,
        seed: int,
        *,
        writers: int,
    ) -> Run:
        """Teach a copy of a network the drawings of a room; raises as `teach` does."""
        if not len(drawings):
            raise RecipeError("expected drawings to teach, got none", kind="no_drawings")
        run = self._taught(network, name, drawings, recipe, seed)
        run.room, run.writers = room, writers
        return run

    def _taught(
        self,
        network: Network,
        name: str,
        drawings: Dataset,
        recipe: Recipe,
        seed: int,
        **until: int | None,
    ) -> Run:
        """Start a run that teaches a copy of a network some drawings; it becomes the one that
        reads."""
        recipe = fitting(recipe, network)
        training = self.scheduler.start(
            recipe,
            seed=seed,
            visitor=self.visitor,
            begins=Snapshot(State.FINISHED, recipe, seed, network=network),
            drawings=drawings,
            **until,
        )
        run = self.runs.add(name, recipe, seed, training=training, before=network)
        self.runs.current = run.id
        self.read_with(YOURS)
        return run

    def continue_run(self, run: Run) -> None:
        """Train a lost run on, from its last snapshot, with a fresh optimizer.

        Raises
        ------
        LimitError
            It is more than the server allows; nothing changes.
        """
        last = run.snapshot
        if last is None or not run.can_continue:  # a press may come twice
            return
        run.training = self.scheduler.start(
            run.recipe, seed=run.seed, visitor=self.visitor, begins=last.bare()
        )
        mark = Mark(last.position, "trainer", None, None)
        run.earlier, run.lost = replace(last, marks=(*last.marks, mark)), False
        self.fill_in(run.recipe, run.seed)

    def release(self) -> None:
        """The connection is lost: the runs pause until it is back, or end after a while."""
        for run in self.runs.live():
            self.scheduler.release(run.training or "")
        self.runs.limit_memory(live=True)  # their memory counts nowhere once they have ended

    def end(self, run: Run | None) -> None:
        """End a training run; what it has learned is kept."""
        if run is not None and run.training is not None:
            training = run.training
            self.look_at(run, fresh=True)
            self.scheduler.stop(training)
            run.training = run.earlier = None

    def delete(self, run: Run) -> None:
        """End a run, if it is live, and forget it."""
        self.end(run)
        self.runs.remove(run.id)
        self.stale = True

    def look(self) -> None:
        """Look at all of the visitor's live runs, which renews their leases."""
        for run in self.runs.live():
            self.look_at(run)
        self.runs.limit_memory()

    def look_at(self, run: Run, *, fresh: bool = False) -> None:
        """See how one run is now; the scheduler need not keep it when it has ended."""
        training = run.training
        snapshot = self.scheduler.look(training, fresh=fresh) if training else None
        if training is None or snapshot is None:
            run.training = run.earlier = None
            run.lost = training is not None
            return
        run.see(snapshot)
        if not run.live:
            self.scheduler.stop(training)

    @property
    def training(self) -> str | None:
        """The scheduler's id of the run that the sidebar controls; None while it does not train."""
        run = self.runs.controlled()
        return run.training if run else None

    @property
    def snapshot(self) -> Snapshot | None:
        """The run that the sidebar controls, as last seen; None when there is none."""
        run = self.runs.controlled()
        return run.snapshot if run else None

    def control(self, run: Run | None) -> None:
        """Let the sidebar control another run, or none so that a new one can be started."""
        self.runs.current, self.stale = (run.id if run else None), True
        if run is not None:
            if not run.taught:  # a recipe of teaching trains no new network
                self.fill_in(run.recipe, run.seed)
            if run.network is not None:
                self.read_with(YOURS)

    def fill_in(self, recipe: Recipe, seed: int) -> None:
        """Put a recipe into the sidebar's fields."""
        self.preset = recipe.name if recipe.name in PRESETS else next(iter(PRESETS))
        self.bases[self.preset], self.seed = recipe, seed
        self.recipe_form += 1
        self.stale = True

    def base(self, preset: str) -> Recipe:
        """What the fields of a preset start from."""
        return self.bases.get(preset, PRESETS[preset])

    # Reading

    def read_with(self, name: str) -> None:
        """Read the drawing with another network, as soon as there is one of that name."""
        self.reader_wanted, self.stale = name, True

    def use(self, run: Run) -> None:
        """Offer a run among the networks that read, and read with it."""
        self.other_run = run.id
        self.read_with(run.id)

    def place(self, found: Found | None, number: Number) -> int:
        """Of several digits, the place of the one to look at: the chosen or least certain one."""
        if self.chosen is not None and self.chosen[0] is found:
            return self.chosen[1]
        return number.weakest

    def explained(self, network: Network) -> Network:
        """A network as `nn.explain` takes it; the visitor's own copy."""
        return self.once("explained", network, make=lambda: explaining(network))

    # What panels compute

    def once(self, name: str, *made_from: object, make: Callable[[], T]) -> T:
        """What `make` returns, called again only when `made_from` has changed.

        Networks, drawings and other objects count as changed when they are not the same object.
        """
        before, value = self._memo.get(name, ((), None))
        if len(before) == len(made_from) and all(map(_same, before, made_from)):
            found: T = value
            return found
        found = make()
        self._memo[name] = (made_from, found)
        return found

    def compute(
        self,
        name: str,
        network: Network,
        steps: Callable[[Network], Generator[None, None, T]],
        *,
        every: float = 0.0,
        reader: str | None = None,
        place: str = "",
        wait: bool = True,
    ) -> Computed[T] | None:
        """What takes longer than a page may wait: computed by the scheduler, in turns.

        While a training run goes on, its network is another one at each look; the latest result
        there is says which epoch it is of. While none does, the page can wait for the result.

        Parameters
        ----------
        name, network, steps : as for `Scheduler.compute`
        every : seconds from one result to the next computation, while a training run goes on
        reader : the network's name on the page; by default that of the one that reads
        place : where it is shown, of a panel that shows several networks
        wait : whether the page waits for the result while no training run goes on

        Returns
        -------
        The latest result for this reader; None before there is any.
        """
        reader, slot = self.reader if reader is None else reader, name + place
        now, wait = time.monotonic(), wait and not self.runs.live()
        shown: Computed[T] | None = self._computed.get(slot)
        if shown is not None and shown.reader != reader:
            shown = None
        wanted = self._computing.get(slot)
        if wait or wanted is None or wanted.reader != reader:
            of = next((run.snapshot for run in self.runs if run.network is network), None)
            wanted = Computed(reader, network, of.position if of else None, None)
        is_due = wait or shown is None or slot in self._computing or now >= shown.at + every
        if is_due and (shown is None or shown.network is not network):
            done, result = self.scheduler.compute(name, wanted.network, steps, wait=wait)
            self._computing[slot] = wanted
            if done:
                del self._computing[slot]
            if result is not None:
                shown = Computed(wanted.reader, wanted.network, wanted.epoch, result, at=now)
                self._computed[slot] = shown
        return None if shown is None else replace(shown, fresh=shown.network is network)

    # Runs that are kept, and files

    def load_run(self, raw: bytes, file: str) -> None:
        """Take a checkpoint that the visitor gives as a run, and read with it."""
        self.load_error = None
        try:
            network, meta = network_from_upload(raw, file)
        except CheckpointError as error:
            self.load_error = error
            return
        run = self.runs.load(file, network, meta)
        self.run_to_choose = run.id
        self.use(run)

    def kept_runs(self) -> tuple[Kept, ...]:
        """What the visitor keeps, oldest first."""
        if self.kept is None:
            self.kept = ()
            self._ask(lambda store: None)
        return self.kept

    def keep(self, run: Run) -> None:
        """Keep a run, as it is now, under its name."""
        snapshot = run.snapshot
        if snapshot is not None and run.kept is None:  # a press may come twice
            if run.room:  # its drawings are the room's, and are deleted with it
                snapshot = replace(snapshot, drawings=None)
            run.kept = self._ask(lambda store: store.keep(self.visitor, run.name, snapshot))

    def bring_back(self, kept: Kept) -> None:
        """Put a kept run among the others, and choose it."""
        run = next((run for run in self.runs if run.kept == kept.id), None)
        if run is None:
            snapshot = self._ask(lambda store: store.load(self.visitor, kept.id))
            if snapshot is None:
                return
            recipe, seed = snapshot.recipe, snapshot.seed
            run = self.runs.add(kept.name, recipe, seed, snapshot=snapshot, kept=kept.id)
        if run.snapshot is not None and run.snapshot.drawings is not None:
            run.last_drawing = self.hand.take(run.snapshot.drawings)
        self.run_to_choose = run.id

    def rename(self, run: Run, name: str) -> None:
        """Give a run another name, also where it is kept."""
        self.runs.rename(run, name)
        if (kept := run.kept) is not None:
            self._ask(lambda store: store.rename(self.visitor, kept, run.name))

    def delete_kept(self, kept: Kept) -> None:
        """Keep a run no longer; among the others it stays."""
        self._ask(lambda store: store.delete(self.visitor, kept.id))
        for run in self.runs:
            if run.kept == kept.id:
                run.kept = None

    def _ask(self, request: Callable[[Store], T]) -> T | None:
        """What the store returns, and the list of kept runs after it; None where it cannot."""
        self.store_error = None
        if self.store is None:
            return None
        try:
            result = request(self.store)
            self.kept = self.store.list(self.visitor)
        except StoreError as error:
            self.store_error = error
            return None
        return result


def _same(a: object, b: object) -> bool:
    return a is b or (isinstance(a, COMPARABLE) and isinstance(b, COMPARABLE) and a == b)
