"""The .xml file as plain records: layers, their ports and attributes, and the edges between them. Nothing in it is expanded or fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import ParseError, XMLParser

from sim.errors import ModelError
from sim.frontends.limits import MAX_RANK

MAX_FILE_BYTES = 256 * 2**20
MAX_LAYERS = 200_000
MAX_PORTS = 4096  # of one layer
MAX_DEPTH = 24  # elements inside each other; bodies of loops add five each
_CHUNK = 1 << 20
_OPEN = -1


@dataclass
class Port:
    """An input or output of a layer. ``shape`` holds -1 where the file leaves an extent open; None: it does not say."""

    id: str
    precision: str = ""
    names: str = ""
    shape: list[int] | None = field(default_factory=list)


@dataclass
class Layer:
    """A layer as the file states it."""

    id: str
    name: str
    type: str
    version: str
    line: int
    data: dict[str, str] = field(default_factory=dict)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    has_body: bool = False

    @property
    def label(self) -> str:
        return f"layer {self.id} {self.name!r} ({self.type})"


@dataclass
class Network:
    """``edges``: (layer, input port) -> (layer, output port)."""

    name: str
    version: int
    layers: list[Layer]
    edges: dict[tuple[str, str], tuple[str, str]]


class _Collector:
    """Receives the elements of the file one after the other; layers of bodies (of loops, of branches) are passed over."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.name, self.version = "", ""
        self.layers: list[Layer] = []
        self.edges: dict[tuple[str, str], tuple[str, str]] = {}
        self.ids: set[str] = set()
        self.text: list[str] = []
        self.parser: XMLParser | None = None

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise ModelError("declares a document type; files of OpenVINO have none, and entities are not expanded")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.path.append(tag)
        depth = len(self.path)
        if depth > MAX_DEPTH:
            raise ModelError(f"has more than {MAX_DEPTH} elements inside each other")
        if depth == 1:
            if tag != "net":
                raise ModelError(f"is no OpenVINO network: its first element is <{tag[:40]}>, not <net>")
            self.name, self.version = attributes.get("name", ""), attributes.get("version", "")
        elif depth == 3 and self.path[1] == "layers" and tag == "layer":
            self._layer(attributes)
        elif depth == 3 and self.path[1] == "edges" and tag == "edge":
            self._edge(attributes)
        elif depth > 3 and self.path[1:3] == ["layers", "layer"]:
            self._inside_layer(tag, attributes)

    def _layer(self, attributes: dict[str, str]) -> None:
        if len(self.layers) >= MAX_LAYERS:
            raise ModelError(f"has more than {MAX_LAYERS:,} layers")
        missing = [key for key in ("id", "type") if not attributes.get(key)]
        if missing:
            raise ModelError(f"layer {len(self.layers)} has no {' and no '.join(missing)}")
        if attributes["id"] in self.ids:
            raise ModelError(f"two layers have the id {attributes['id'][:40]!r}")
        self.ids.add(attributes["id"])
        name = attributes.get("name") or attributes["id"]
        self.layers.append(Layer(attributes["id"], name, attributes["type"], attributes.get("version", "opset1"), len(self.layers)))

    def _edge(self, attributes: dict[str, str]) -> None:
        try:
            target, source = (attributes["to-layer"], attributes["to-port"]), (attributes["from-layer"], attributes["from-port"])
        except KeyError as error:
            raise ModelError(f"an edge has no {error.args[0]}") from None
        if target in self.edges:
            raise ModelError(f"two edges lead to port {target[1][:40]} of layer {target[0][:40]}")
        self.edges[target] = source

    def _inside_layer(self, tag: str, attributes: dict[str, str]) -> None:
        layer, depth = self.layers[-1], len(self.path)
        if depth == 4 and tag == "data":
            layer.data = dict(attributes)
        elif depth == 4 and tag in ("body", "then_body", "else_body"):
            layer.has_body = True
        elif depth == 5 and tag == "port" and self.path[3] in ("input", "output"):
            ports = layer.inputs if self.path[3] == "input" else layer.outputs
            if len(ports) >= MAX_PORTS:
                raise ModelError(f"{layer.label} has more than {MAX_PORTS} ports")
            ports.append(Port(attributes.get("id", ""), attributes.get("precision", ""), attributes.get("names", "")))
        elif depth == 6 and tag == "dim":
            self.text = []

    def data(self, text: str) -> None:
        if len(self.path) == 6 and self.path[5] == "dim" and len(self.text) < 8:
            self.text.append(text)

    def end(self, tag: str) -> None:
        if len(self.path) == 6 and tag == "dim" and self.path[1:3] == ["layers", "layer"] and self.path[3] in ("input", "output"):
            self._dimension("".join(self.text).strip())
        self.path.pop()

    def _dimension(self, text: str) -> None:
        layer = self.layers[-1]
        port = (layer.inputs if self.path[3] == "input" else layer.outputs)[-1]
        if port.shape is None or len(port.shape) >= MAX_RANK:
            port.shape = None
            return
        port.shape.append(extent_of(text, layer.label))


def extent_of(text: str, what: str) -> int:
    """One extent: a number, or -1 where it is open (``?``, ``-1``, a range such as ``1..8``)."""
    text = text.strip()
    if text in ("?", "-1") or ".." in text:
        return _OPEN
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ModelError(f"{what} states the extent {text[:40]!r}")
    return int(text)


def read_xml(path: Path) -> Network:
    """The records of a file. Raises ModelError if it is damaged, not of version 10 or 11, or larger than any network."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ModelError(f"has {size / 2**20:.0f} MiB; network definitions have at most {MAX_FILE_BYTES / 2**20:.0f} MiB")
        collector = _Collector()
        parser = XMLParser(target=collector)
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                parser.feed(chunk)
        parser.close()
    except (ParseError, ValueError, LookupError) as error:  # ValueError, LookupError: an encoding nobody has
        raise ModelError(f"is damaged or no XML file ({str(error)[:200]})") from error
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}") from error
    if collector.version not in ("10", "11"):
        hint = "; convert the original model again with a current OpenVINO (ovc)" if collector.version.isdigit() else ""
        raise ModelError(f"states version {collector.version[:20]!r} of the representation; 10 and 11 are read{hint}")
    if not collector.layers:
        raise ModelError("holds no layers")
    return Network(collector.name, int(collector.version), collector.layers, collector.edges)
