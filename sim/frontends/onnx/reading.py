"""Reading an ONNX file with guards: size, damage, missing package, functions, external data."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import EdgesimError, ModelError
from sim.frontends.onnx.wire import Slimmer, Span

if TYPE_CHECKING:
    import onnx

MAX_FILE_BYTES = 4 * 2**30
MAX_SKELETON_BYTES = 256 * 2**20  # of everything but large tensors
MAX_NODES = 100_000  # functions inlined; language models unrolled over all layers have some 20,000
STANDARD_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True)
class ModelFile:
    """A model without its large tensors, and where in the file those are."""

    path: Path
    model: onnx.ModelProto
    spans: tuple[Span, ...]
    opsets: dict[str, int]
    file_bytes: int


def import_onnx_package() -> Any:
    """The ``onnx`` package; EdgesimError says how to install it if it is missing."""
    try:
        import onnx
    except ImportError as error:
        raise EdgesimError("reading .onnx files needs the onnx package: pip install 'edgesim[onnx]'") from error
    return onnx


def read_model(path: Path, max_bytes: int = MAX_FILE_BYTES) -> ModelFile:
    """Read a file of at most ``max_bytes``; ModelError says what is wrong with it. Large tensors stay in the file."""
    size = _checked_size(path, max_bytes)
    onnx = import_onnx_package()
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as data:
        slimmer = Slimmer(data)
        skeleton = slimmer.model()
    if len(skeleton) > MAX_SKELETON_BYTES:
        raise ModelError(f"has {len(skeleton) / 2**20:.0f} MiB besides its weights; at most {MAX_SKELETON_BYTES / 2**20:.0f} MiB are read")
    try:
        model = onnx.ModelProto.FromString(skeleton)
    except (DecodeError, ValueError) as error:
        raise ModelError(f"is damaged or no ONNX file ({error})") from error
    if not model.HasField("graph") or not (model.graph.node or model.graph.output):
        raise ModelError("holds no graph; is it an ONNX model?")
    model = _inlined(model)
    if len(model.graph.node) > MAX_NODES:
        raise ModelError(f"has {len(model.graph.node):,} operators; at most {MAX_NODES:,} are read")
    opsets = {"" if entry.domain in STANDARD_DOMAINS else entry.domain: entry.version for entry in model.opset_import}
    _check_opset(onnx, opsets)
    return ModelFile(path, model, tuple(slimmer.spans), opsets, size)


def _checked_size(path: Path, max_bytes: int) -> int:
    try:
        if not path.is_file():
            raise ModelError("is no file" if path.exists() else "does not exist")
        size = path.stat().st_size
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}") from error
    if size == 0:
        raise ModelError("is empty")
    if size > max_bytes:
        raise ModelError(f"has {size / 2**30:.2f} GiB; at most {max_bytes / 2**30:.2f} GiB are read (max_bytes)")
    return size


def _check_opset(onnx: Any, opsets: dict[str, int]) -> None:
    """Old files without an entry use operator set 1."""
    version = opsets.setdefault("", 1)
    newest = onnx.defs.onnx_opset_version()
    if not 1 <= version <= newest:
        raise ModelError(f"uses operator set {version}; the installed onnx {onnx.__version__} reads 1 to {newest}")


def _inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its local functions replaced by their bodies."""
    if not model.functions:
        return model
    _check_functions(model)
    try:
        from onnx import inliner
    except ImportError as error:
        raise ModelError("defines functions of its own, which need onnx 1.15 or newer to read") from error
    try:
        return inliner.inline_local_functions(model)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ModelError(f"has functions that cannot be inlined ({first_line(error)})") from error


def _check_functions(model: onnx.ModelProto) -> None:
    """Refuse functions that call themselves or grow beyond all measure: the inliner would not end."""
    bodies = {(function.domain, function.name): function for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    for root in bodies:
        stack: list[tuple[tuple[str, str], bool]] = [(root, False)]
        open_calls: set[tuple[str, str]] = set()
        while stack:
            key, finished = stack.pop()
            calls = [(node.domain, node.op_type) for node in nodes_of(bodies[key].node)]
            if finished:
                open_calls.discard(key)
                sizes[key] = sum(sizes.get(call, 1) for call in calls)
            elif key not in sizes:
                open_calls.add(key)
                stack.append((key, True))
                inner = {call for call in calls if call in bodies and call not in sizes}
                if inner & open_calls:
                    raise ModelError(f"has a function {key[1]!r} that calls itself")
                stack += [(call, False) for call in inner]
    total = sum(sizes.get((node.domain, node.op_type), 1) for node in nodes_of(model.graph.node))
    if total > MAX_NODES:
        raise ModelError(f"grows to {total:,} operators when its functions are inlined; at most {MAX_NODES:,} are read")


def nodes_of(nodes: Iterable[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """These nodes and all in their subgraphs."""
    found: list[onnx.NodeProto] = []
    waiting = [list(nodes)]
    while waiting:
        for node in waiting.pop():
            found.append(node)
            for attribute in node.attribute:
                waiting += [list(graph.node) for graph in ([attribute.g] if attribute.HasField("g") else [*attribute.graphs])]
    return found


def first_line(error: Exception) -> str:
    """What another library's error says, in short."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def external_file(model_path: Path, location: str, what: str) -> Path:
    """The file beside the model that holds external data; anything outside the model's folder is refused."""
    folder = model_path.resolve().parent
    given = Path(location)
    if not location or given.is_absolute() or ".." in given.parts or "\\" in location or "\0" in location:
        raise ModelError(f"{what} is stored in {location!r}; data is read only from files beside the model")
    target = (folder / given).resolve()
    if not target.is_relative_to(folder):
        raise ModelError(f"{what} is stored in {location!r}, which leads out of the model's folder; data is read only from files beside the model")
    if not target.is_file():
        raise ModelError(f"{what} is stored in {location!r}, which does not exist beside the model; put the file into {folder}")
    return target
