"""Language models and speech transformers: one line each."""

from __future__ import annotations

from sim.frontends.zoo.entry import Option, Published, ZooEntry
from sim.frontends.zoo.options import BATCH, LANGUAGE

PRESETS = "keras-team/keras-hub, presets"
SAFETENSORS = "huggingface.co, safetensors metadata of "
MOBILEBERT_PAPER = "arXiv 2004.02984, parameters and FLOPs at 128 tokens (estimated: recalled, unconfirmed)"
MOBILEBERT_FILE = "huggingface.co/daze-unlv/google-mobilebert-uncased, model.safetensors: 98.5 MB of float32"
MOBILEBERT_NOTE = "arXiv 2004.02984 prints (recalled, unconfirmed) 25.3 M parameters and 5.7 GFLOPs, 3 % and 6 % more than the released network has"
TEXT = {"batch": BATCH, "sequence": Option(128, "tokens of the text", 2, 512)}
FRAMES = Option(3000, "frames of 10 ms (30 s: 3000)", 2, 3000, 2)
UTTERANCE = {key: LANGUAGE[key] for key in ("batch", "phase", "context")} | {"sequence": Option(4, "tokens of the prompt", 1, 448), "frames": FRAMES}
TRANSCRIPTION = "speech recognition"
ENCODING = "text encoding"
BERT_SHAPE = {"hidden": 768, "heads": 12}


def decoder(name: str, title: str, parameters: int, source: str = PRESETS) -> ZooEntry:
    return ZooEntry(name, title, "text generation", "llama:decoder", LANGUAGE, {"config": name}, (Published(source, str(parameters)),))


def whisper(size: str, layers: int, hidden: int, heads: int, parameters: int) -> tuple[ZooEntry, ZooEntry]:
    """Encoder and decoder; the published parameters are of both, and of the decoder with the keys and values it makes from the audio once (prefill)."""
    fixed = {"layers": layers, "hidden": hidden, "heads": heads}
    names = [f"whisper_{size}_encoder", f"whisper_{size}_decoder"]
    published = (Published(PRESETS, str(parameters), options={"phase": "prefill"}, together_with=(names[0],)),)
    encoder = ZooEntry(names[0], f"Whisper {size}, encoder", TRANSCRIPTION, "whisper:encoder", {"batch": BATCH, "frames": FRAMES}, fixed)
    return encoder, ZooEntry(names[1], f"Whisper {size}, decoder", TRANSCRIPTION, "whisper:decoder", UTTERANCE, fixed, published)


LANGUAGE_MODELS = (
    decoder("tinyllama_1.1b", "TinyLlama 1.1B", 1_100_048_384, SAFETENSORS + "TinyLlama/TinyLlama-1.1B"),
    decoder("llama3.2_1b", "Llama 3.2 1B", 1_235_814_400, SAFETENSORS + "meta-llama/Llama-3.2-1B"),
    decoder("llama3.2_3b", "Llama 3.2 3B", 3_212_749_824, SAFETENSORS + "meta-llama/Llama-3.2-3B-Instruct"),
    decoder("llama3_8b", "Llama 3 8B", 8_030_261_248),
    decoder("qwen2.5_0.5b", "Qwen2.5 0.5B", 494_032_768),
    decoder("qwen2.5_1.5b", "Qwen2.5 1.5B", 1_543_714_304, SAFETENSORS + "Qwen/Qwen2.5-1.5B"),
    decoder("qwen2.5_3b", "Qwen2.5 3B", 3_085_938_688),
    decoder("gemma_2b", "Gemma 2B", 2_506_172_416),
    decoder("phi3.5_mini", "Phi-3.5 mini", 3_821_079_552, SAFETENSORS + "microsoft/Phi-3.5-mini-instruct"),
    ZooEntry("bert_base", "BERT base", ENCODING, "bert:bert", TEXT, {"layers": 12, "segments": 2, "pooler": True, **BERT_SHAPE},
             (Published("transformers, BertModel of bert-base-uncased", "109482240"), Published(MOBILEBERT_PAPER, "109e6", "22.5e9", "flops"))),
    ZooEntry("distilbert", "DistilBERT", ENCODING, "bert:bert", TEXT, {"layers": 6, "segments": 0, "pooler": False, **BERT_SHAPE},
             (Published(PRESETS, "66362880"),)),
    ZooEntry("mobilebert", "MobileBERT", ENCODING, "bert:mobilebert", TEXT, {"layers": 24}, (Published(MOBILEBERT_FILE, "24.6e6"),), note=MOBILEBERT_NOTE),
    *whisper("tiny", 4, 384, 6, 37_760_640),
    *whisper("base", 6, 512, 8, 72_593_920),
    *whisper("small", 12, 768, 12, 241_734_912),
)  # fmt: skip
