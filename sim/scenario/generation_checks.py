"""What the types cannot say of stages that generate: models that exist and serve, drafts, lengths within the context, files of counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath

from sim.scenario.files import missing_file
from sim.scenario.generation import KvCache, Serving
from sim.scenario.known import Finding, Known, unknown_name
from sim.scenario.raw import Raw

_CONTEXT = int(Serving.model_fields["context"].default)
_PAGE = int(KvCache.model_fields["page"].default)


def generation_findings(root: Raw, known: Known, directory: FilePath) -> Iterator[Finding]:
    """All problems of models that serve and stages that generate."""
    models = root.get("models")
    stages = [stage for _, workload in root.get("workloads").items() for stage in workload.get("pipeline").entries()]
    served = [stage.get("generate").text() for stage in stages if stage.get("generate").text()]
    drafts = [name for _, model in models.items() if (name := model.get("serving").get("draft").get("model").text())]
    for name, model in models.items():
        yield from _serving(name, model, models, served, known)
    for stage in stages:
        if stage.get("generate").value is not None:
            yield from unknown_name(stage.get("generate"), "model", set(models.keys()))
            yield from _lengths(stage, models, directory)
        if (name := stage.get("model").text()) in {*served, *drafts}:
            what = f"model {name!r} serves stages that generate, so no stage can run it whole; describe it twice under two names"
            yield Finding((*stage.path, "model"), what)


def _serving(name: str, model: Raw, models: Raw, served: list[str | None], known: Known) -> Iterator[Finding]:
    serving = model.get("serving")
    if serving.value is None:
        return
    yield from unknown_name(serving.get("scheduling"), "serving policy", known.serving_policies)
    if name not in served:
        yield Finding(serving.path, f"no stage generates with model {name!r}; give one: {{generate: {name}, prompt: 256, output: 128}}", at_key=True)
    chunk, context = tokens(serving.get("chunk")), tokens(serving.get("context")) or _CONTEXT
    if chunk and chunk > context:
        yield Finding((*serving.path, "chunk"), f"chunks of {chunk} tokens are longer than the context of {context}")
    page = tokens(serving.get("kv_cache").get("page")) or _PAGE
    if page > context:
        yield Finding((*serving.path, "kv_cache", "page"), f"a block of {page} tokens is longer than the context of {context}")
    cache, sink = serving.get("kv_cache"), tokens(serving.get("kv_cache").get("sink")) or 0
    if cache.get("when_full").text() == "evict_oldest" and sink + 2 * page > context:
        what = f"sinks of {sink} tokens and two blocks of {page} do not fit the context of {context}, so there would be nothing to forget"
        yield Finding((*cache.path, "sink") if sink else cache.path, what)
    draft = serving.get("draft").get("model")
    yield from unknown_name(draft, "model", set(models.keys()))
    if draft.text() == name:
        yield Finding(draft.path, f"model {name!r} cannot be its own draft; name a smaller one")
    elif draft.text() in served:
        yield Finding(draft.path, f"model {draft.text()!r} generates for a stage itself; describe the draft under a name of its own")


def _lengths(stage: Raw, models: Raw, directory: FilePath) -> Iterator[Finding]:
    name = stage.get("generate").text()
    serving = models.get(name or "").get("serving")
    context = tokens(serving.get("context")) or _CONTEXT
    for key in ("prompt", "output"):
        choice = stage.get(key)
        if choice.get("kind").text() == "trace" and (file := choice.get("file").text()) and (problem := missing_file(directory / file)):
            yield Finding((*choice.path, "file"), problem)
    prompt, output = _most(stage.get("prompt")), _most(stage.get("output"))
    forgets = serving.get("kv_cache").get("when_full").text() == "evict_oldest"
    if prompt is not None and prompt >= context:
        yield Finding(
            (*stage.path, "prompt"), f"prompts of up to {prompt} tokens leave no room for an answer in the context of {context}; raise serving.context"
        )
    elif prompt is not None and output is not None and prompt + output > context and not forgets:
        what = f"prompts of up to {prompt} tokens and answers of up to {output} exceed the context of {context} tokens"
        yield Finding((*stage.path, "output"), f"{what}; shorten them, raise serving.context, or let the cache forget (when_full: evict_oldest)")
    shared, fewest = tokens(stage.get("prefix").get("tokens")), _fewest(stage.get("prompt"))
    if shared and fewest is not None and shared > fewest:
        yield Finding((*stage.path, "prefix", "tokens"), f"a prefix of {shared} tokens is longer than prompts, which have {fewest} or more")


def tokens(raw: Raw) -> int | None:
    """A number of tokens as written: 256, or ``256 tokens``."""
    text = raw.text()
    if text is not None:
        number = text.strip().removesuffix("s").removesuffix("token").strip()
        return int(number) if number.isascii() and number.isdecimal() else None
    return raw.whole()


def _most(choice: Raw) -> int | None:
    """The most tokens, where the scenario says so."""
    return tokens(choice) if not isinstance(choice.value, dict) else tokens(choice.get("max")) or tokens(choice.get("tokens"))


def _fewest(choice: Raw) -> int | None:
    return tokens(choice) if not isinstance(choice.value, dict) else tokens(choice.get("min")) or tokens(choice.get("tokens"))
