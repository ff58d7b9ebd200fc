"""What the types of a federated study cannot say: names that must exist, shares that make a whole, more clients asked than there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from sim.errors import Problem
from sim.scenario.device_file import resolve_device
from sim.scenario.federated.learning_checks import learning_findings
from sim.scenario.federated.secure_checks import secure_findings
from sim.scenario.files import is_model_file
from sim.scenario.known import Finding, near
from sim.scenario.radio_choice import radio_problems
from sim.scenario.raw import Raw
from sim.scenario.study import StudyContext

_ROUNDING = 1e-6


def check_federated(context: StudyContext) -> Iterable[Problem]:
    """Problems between the parts of a federated study, each at its place."""
    study = Raw(context.data).get("federated")
    devices = [group.get("device") for _, group in study.get("population").get("devices").items()]
    devices += [study.get("server").get("device"), study.get("rounds").get("edges").get("device")]
    for choice in devices:
        if choice.value is not None:
            yield from resolve_device(choice.value, context.places.part(choice.path, ("device",)), context.directory, context.known)[1]
    population = study.get("population")
    for radio in (population.get("radio"), *(group.get("radio") for _, group in population.get("devices").items())):
        yield from radio_problems(radio.value, context.places, radio.path)
    own = (*_model(context, study.get("model")), *_shares(study), *_cohort(study), *_needs(study), *_policies(context, study))
    findings = (*own, *learning_findings(study), *secure_findings(study))
    yield from (context.places.problem(one.path, one.what, at_key=one.at_key) for one in findings)


def _model(context: StudyContext, model: Raw) -> Iterator[Finding]:
    source, known = model.get("source"), context.known.models
    text = source.text()
    if text and known is not None and text not in known and not is_model_file(text):
        yield Finding(source.path, f"unknown model {text!r}; {near(text, known)}")
    if not text or known is None or text not in known or context.known.option_problem is None:
        return
    for name, option in model.get("options").items():
        if what := context.known.option_problem(text, name, option.value):
            yield Finding(option.path, what)


def _needs(study: Raw) -> Iterator[Finding]:
    """Parts that need another."""
    model, population = study.get("model"), study.get("population")
    if isinstance(model.value, dict) and model.get("training").value is None:
        yield Finding(model.path, "clients train it, so it needs training, such as training: {optimizer: sgd, batch: 16}", at_key=True)
    if population.get("only_charging").value is True and population.get("battery").value is None:
        yield Finding(population.get("only_charging").path, "when clients charge is said under battery; battery: {} takes the defaults")
    if study.get("rounds").get("kind").text() != "asynchronous":
        return
    for key in ("up", "down"):
        if study.get("server").get(key).value is not None:
            what = "asynchronous rounds do not share the server's links: leave it out, or take synchronous rounds"
            yield Finding(study.get("server").get(key).path, what, at_key=True)


def _shares(study: Raw) -> Iterator[Finding]:
    groups = study.get("population").get("devices")
    shares = [group.get("share").quantity("ratio") for _, group in groups.items()]
    known = [share for share in shares if share is not None and 0 <= share <= 1]
    if shares and len(known) == len(shares) and abs(sum(known) - 1.0) > _ROUNDING:
        yield Finding(groups.path, f"the shares of the groups make {100 * sum(known):.6g} %, not 100 %", at_key=True)


def _cohort(study: Raw) -> Iterator[Finding]:
    rounds, count = study.get("rounds"), study.get("population").get("count").whole()
    if count is None or count < 1:
        return
    asynchronous = rounds.get("kind").text() == "asynchronous"
    wanted = rounds.get("concurrency" if asynchronous else "clients")
    number = wanted.whole()
    if number is None:
        return
    if number > count:
        yield Finding(wanted.path, f"{number} clients at once, but the population has {count}")
        return
    factor = rounds.get("over_selection")
    over = factor.quantity("ratio")
    if not asynchronous and over is not None and over >= 1 and number * over > count + _ROUNDING:
        yield Finding(factor.path, f"{number} clients x {over:g} are {number * over:g}, but the population has {count}")


def _policies(context: StudyContext, study: Raw) -> Iterator[Finding]:
    known = context.known
    yield from _policy(context, study.get("selection"), "client selection", known.client_selections)
    yield from _policy(context, study.get("aggregation"), "aggregation rule", known.aggregation_rules)


def _policy(context: StudyContext, choice: Raw, what: str, names: Collection[str] | None) -> Iterator[Finding]:
    named = choice if choice.text() is not None else choice.get("name")
    name = named.text()
    if name is None or names is None:
        return
    if name not in names:
        yield Finding(named.path, f"unknown {what} {name!r}; {near(name, names)}")
        return
    for tunable, value in choice.get("tunables").items():
        if context.known.tunable_problem and (problem := context.known.tunable_problem(what, name, tunable, value.value)):
            yield Finding(value.path, problem)
