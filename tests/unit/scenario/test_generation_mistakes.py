"""Mistakes in stages that generate and in how a model serves, each at its place. In the fragments ``@`` marks it; it is not part of the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.experiment.simulate import prepare
from sim.scenario.loading import load_scenario

GOOD = """\
name: talk
device: snapdragon_8_gen_3_phone
runtime: llama_cpp
duration: 10 s
models:
  chat:
    source: smollm2_360m
    precision: w4a16
    serving:
      max_batch: 2
      context: 512 tokens
      chunk: 64
      scheduling: mixed
      kv_cache: {format: float16, page: 16 tokens, budget: 64 MiB, when_full: swap}
      draft: {model: small, tokens: 2, acceptance: 0.7}
  small: {source: smollm2_135m, precision: w4a16}
workloads:
  chat:
    arrival: {kind: closed}
    pipeline:
      - {name: answer, generate: chat, prompt: 100, output: 50 tokens, prefix: {tokens: 64, groups: 3, zipf: 1}}
"""
MISTAKES = [
    ("max_batch: 2", "max_batch: @0", "must be at least 1, got the number 0"),
    ("max_batch: 2", "max_batch: @many", "expected a whole number, got 'many'"),
    ("context: 512 tokens", "context: @512 words", "expected a whole number"),
    ("chunk: 64", "chunk: @600", "chunks of 600 tokens are longer than the context of 512"),
    ("scheduling: mixed", "scheduling: @mixt", "unknown serving policy 'mixt'; did you mean 'mixed'?"),
    ("format: float16", "format: @int3", "'int3' is not one of activations, float16, int8, int4"),
    ("page: 16 tokens", "page: @1000", "a block of 1000 tokens is longer than the context"),
    ("when_full: swap", "when_full: @crash", "'crash' is not one of preempt_recompute, swap, refuse, evict_oldest"),
    ("when_full: swap", "when_full: evict_oldest, sink: @500", "so there would be nothing to forget"),
    ("model: small, ", "model: @smal, ", "unknown model 'smal'; did you mean 'small'?"),
    ("model: small, ", "model: @chat, ", "model 'chat' cannot be its own draft"),
    ("acceptance: 0.7", "acceptance: @1.2", "must be at most 1, got 1.2"),
    ("acceptance: 0.7", "acceptance: @-0.1", "must be at least 0"),
    ("acceptance: 0.7", "acceptance: [0.5, @1.5, 0]", "must be at most 1, got 1.5"),
    ("      draft: {model: small, tokens: 2, acceptance: 0.7}", "      draft: @{model: small, tokens: 2, acceptance: [0.5, 0.4, 0.2]}", "sum to 1.1, not to 1"),
    ("      draft: {model: small, tokens: 2, acceptance: 0.7}", "      draft: @{model: small, tokens: 2, acceptance: [0.5, 0.5]}", "2 tokens need 3"),
    ("generate: chat", "generate: @chatt", "unknown model 'chatt'; did you mean 'chat'?"),
    ("prompt: 100", "prompt: @0", "must be at least 1"),
    ("prompt: 100", "prompt: @512", "leave no room for an answer in the context of 512"),
    ("output: 50 tokens", "output: @413", "prompts of up to 100 tokens and answers of up to 413 exceed the context of 512 tokens"),
    ("output: 50 tokens", "output: @{kind: uniform, min: 5, max: 600}", "answers of up to 600 exceed the context"),
    ("output: 50 tokens", "output: {kind: @normal, mean: 5}", "'normal' is not one of fixed, uniform, lognormal, trace"),
    ("output: 50 tokens", "output: @{kind: uniform, min: 9, max: 5}", "min 9 is more than max 5"),
    ("output: 50 tokens", "output: {kind: lognormal, mean: @-5, deviation: 2}", "must be more than 0"),
    ("output: 50 tokens", "output: {kind: trace, file: @lengths.csv}", "lengths.csv'; its folder has no .csv file"),
    ("tokens: 64, groups", "tokens: @128, groups", "a prefix of 128 tokens is longer than prompts, which have 100 or more"),
    ("zipf: 1}", "zipf: 1, hit_rate: @1.1}", "must be at most 1"),
    ("- {name: answer", "- @{repeat: 3, name: answer", "repeat: an answer has as many steps as output says"),
]  # fmt: skip


def problems(text: str, tmp_path: Path, compile_it: bool = False) -> list[str]:
    path = tmp_path / "talk.yaml"
    path.write_text(text)
    try:
        loaded = load_scenario(path, known=known_names())
        if compile_it:
            prepare(loaded).check()
    except EdgesimError as error:
        return [f"{problem.line}:{problem.column}: {problem.path}: {problem.what}" for problem in error.problems]
    return []


@pytest.mark.parametrize("right, wrong, said", MISTAKES, ids=[wrong.strip()[:50] for _, wrong, _ in MISTAKES])
def test_a_mistake_is_reported_at_its_place(right: str, wrong: str, said: str, tmp_path: Path) -> None:
    assert GOOD.count(right) == 1
    marked = GOOD.replace(right, wrong)
    line = next(number for number, text in enumerate(marked.splitlines(), 1) if "@" in text)
    column = marked.splitlines()[line - 1].index("@") + 1
    found = problems(marked.replace("@", ""), tmp_path)
    assert any(said in problem and problem.startswith(f"{line}:{column}:") for problem in found), found


LATER = [
    ("source: smollm2_360m", "source: @mobilenet_v2", "only decoders of the zoo can"),
    ("source: smollm2_360m", "source: @whisper_tiny_decoder", "only decoders of the zoo can"),
    ("model: small, ", "model: @small, ", "draft 'small' is no smaller than 'chat', which verifies it"),
    ("budget: 64 MiB", "@budget: 64 GiB", "the cache of keys and values has a budget of 64 GiB, but the device has"),
    ("      kv_cache: {format: float16, page: 16 tokens, budget: 64 MiB", "      @kv_cache: {format: float16, budget: 5 MiB", "one request takes up to"),
    ("    precision: w4a16\n    serving", "    precision: w4a16\n    options: {@context: 5}\n    serving", "context of model 'chat' is set by its serving"),
]  # fmt: skip


@pytest.mark.parametrize("right, wrong, said", LATER, ids=[wrong.strip()[:50] for _, wrong, _ in LATER])
def test_what_only_the_compiled_models_tell(right: str, wrong: str, said: str, tmp_path: Path) -> None:
    assert GOOD.count(right) == 1
    marked = GOOD.replace(right, wrong)
    if said.startswith("draft"):
        marked = marked.replace("smollm2_135m", "smollm2_1.7b")
    line = next(number for number, text in enumerate(marked.splitlines(), 1) if "@" in text)
    found = problems(marked.replace("@", ""), tmp_path, compile_it=True)
    assert len(found) == 1 and said in found[0] and found[0].startswith(f"{line}:"), found


def test_the_scenario_without_mistakes_has_none(tmp_path: Path) -> None:
    assert problems(GOOD, tmp_path, compile_it=True) == []


def test_no_stage_generates_with_a_model_that_serves(tmp_path: Path) -> None:
    text = GOOD.replace(
        "  small: {source: smollm2_135m, precision: w4a16}", "  small: {source: smollm2_135m, precision: w4a16}\n  other: {source: smollm2_135m, serving: {}}"
    )
    assert any("no stage generates with model 'other'" in problem for problem in problems(text, tmp_path))


@pytest.mark.parametrize("model", ["chat", "small"])
def test_a_model_that_serves_is_not_run_whole(model: str, tmp_path: Path) -> None:
    found = problems(GOOD + f"      - {{name: whole, model: {model}}}\n", tmp_path)
    what = f"model {model!r} serves stages that generate, so no stage can run it whole; describe it twice under two names"
    assert found == [f"22:30: workloads.chat.pipeline.1.model: {what}"]


def test_counts_in_a_file_are_checked_with_their_line(tmp_path: Path) -> None:
    from sim.workload.token_counts import read_token_counts

    path = tmp_path / "lengths.csv"
    path.write_text("tokens,note\n12,a\n,b\n13,c\n0,d\n")
    with pytest.raises(EdgesimError) as found:
        read_token_counts(path, "tokens")
    assert found.value.problems[0].line == 3 and "no number of tokens" in found.value.problems[0].what
    with pytest.raises(EdgesimError, match="no column 'token'"):
        read_token_counts(path, "token")
