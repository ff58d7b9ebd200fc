"""Checks of real learning that types cannot make: data for everyone, and a training that the trainer here can do."""

from __future__ import annotations

from collections.abc import Iterator

from sim.scenario.federated.learning import DIGITS_TRAINED, weights_of
from sim.scenario.known import Finding
from sim.scenario.raw import Raw

_MOST_NUMBERS = 40_000_000  # 320 MB
_WHOLE = {"loss": "cross_entropy", "trainable": "all"}


def learning_findings(study: Raw) -> Iterator[Finding]:
    """Problems of ``learning`` with the rest of the study; none where nothing is learnt."""
    learning = study.get("learning")
    if learning.value is None:
        return
    yield from _data(study, learning)
    yield from _size(study, learning)
    yield from _training(study.get("model").get("training"))
    yield from _privacy(study, learning)
    yield from _budgets(study)


def _data(study: Raw, learning: Raw) -> Iterator[Finding]:
    population = study.get("population")
    count, split = population.get("count"), learning.get("split")
    number, shards = count.whole(), split.get("per_client").whole() or 2
    if population.get("samples").value is not None:
        yield Finding(population.get("samples").path, "with learning, the split of the images says how many samples each client has; leave samples out")
    if number is None:
        return
    if number > DIGITS_TRAINED:
        yield Finding(count.path, f"{number} clients, but there are {DIGITS_TRAINED} images to learn from; take fewer clients, or leave out learning")
    elif split.get("kind").text() == "shards" and number * shards > DIGITS_TRAINED:
        what = f"{number} clients x {shards} shards are {number * shards}, but there are {DIGITS_TRAINED} images to make them of; take fewer"
        yield Finding(split.get("per_client").path if split.get("per_client").value is not None else split.path, what)


def _size(study: Raw, learning: Raw) -> Iterator[Finding]:
    """Updates of all answers of a round are held at once, and remainders of all clients where compression leaves some."""
    widths, count = [entry.whole() for entry in learning.get("hidden").entries()], study.get("population").get("count").whole()
    if count is None or count > DIGITS_TRAINED or not all(width is not None and width > 0 for width in widths):
        return
    rounds, weights = study.get("rounds"), weights_of([width for width in widths if width is not None])
    if rounds.get("kind").text() == "asynchronous":
        answers = min(rounds.get("buffer").whole() or count, _MOST_NUMBERS)
    else:
        answers = count
    if weights * answers > _MOST_NUMBERS:
        what = f"{answers} updates of {weights} weights are more than {_MOST_NUMBERS // 1_000_000} M numbers at once; take narrower layers or fewer clients"
        yield Finding(learning.get("hidden").path, what)


def _training(training: Raw) -> Iterator[Finding]:
    for key, expected in _WHOLE.items():
        value = training.get(key).text()
        if value is not None and value != expected:
            yield Finding(training.get(key).path, f"learning trains with {key}: {expected} only; leave {key} out, or learning")
    for key in ("last", "only"):
        if training.get(key).value not in (None, [], ()):
            yield Finding(training.get(key).path, f"learning trains all layers; leave {key} out, or learning")


def _privacy(study: Raw, learning: Raw) -> Iterator[Finding]:
    private, clip = study.get("privacy").value is not None, learning.get("clip")
    if private and clip.value is None:
        yield Finding(learning.path, "with privacy, learning needs clip: the norm that no update exceeds, such as 1.0", at_key=True)
    for named in (clip, learning.get("noise_multiplier")):
        if named.value is not None and not private:
            yield Finding(named.path, f"{named.path[-1]} means something with privacy only: add privacy, such as privacy: {{noise: server}}")


def _budgets(study: Raw) -> Iterator[Finding]:
    wanted = study.get("budgets").get("time_to_accuracy")
    if wanted.value is None or study.get("budgets").get("accuracy").value is not None:
        return
    yield Finding(wanted.path, "time_to_accuracy needs the accuracy to reach: add accuracy, such as accuracy: 90 %")
