"""Language models and speech transformers: one line each."""

from __future__ import annotations

from sim.frontends.zoo.entry import Option, Published, ZooEntry
from sim.frontends.zoo.options import BATCH, LANGUAGE

PRESETS = "keras-team/keras-hub, presets"
SAFETENSORS = "huggingface.co, safetensors metadata of "
RECALLED = "parameters (recalled, unconfirmed) of huggingface.co/"
MOBILEBERT_PAPER = "arXiv 2004.02984, parameters and FLOPs at 128 tokens (estimated: recalled, unconfirmed)"
MOBILEBERT_FILE = "huggingface.co/daze-unlv/google-mobilebert-uncased, model.safetensors: 98.5 MB of float32"
MOBILEBERT_NOTE = "arXiv 2004.02984 prints (recalled, unconfirmed) 25.3 M parameters and 5.7 GFLOPs, 3 % and 6 % more than the released network has"
TEXT = {"batch": BATCH, "sequence": Option(128, "tokens of the text", 2, 512)}
BERT_LARGE = "transformers, BertModel of bert-large-uncased (estimated: recalled, unconfirmed)"
ALBERT_FILE = "transformers, AlbertModel of albert-base-v2 without pooler (estimated: recalled, unconfirmed)"
ELECTRA = "quic/ai-hub-models, parameters of the exported network: electra_bert_base_discrim_google"
HEAD_HELP = "none: hidden states; masked_word: the word at a masked place; answer_span: where an answer starts and ends; replaced_words: which ones were"
MASKED = {"head": Option("none", HEAD_HELP, choices=("none", "masked_word"))}
HEADS = {"head": Option("none", HEAD_HELP, choices=("none", "masked_word", "answer_span", "replaced_words"))}
ANSWERS = {"head": Option("none", HEAD_HELP, choices=("none", "masked_word", "answer_span"))}
FRAMES = Option(3000, "frames of 10 ms (30 s: 3000)", 2, 3000, 2)
UTTERANCE = {key: LANGUAGE[key] for key in ("batch", "phase", "context")} | {"sequence": Option(4, "tokens of the prompt", 1, 448), "frames": FRAMES}
CROSS_CACHE = {"cross_cache": Option(False, "make the keys and values of the decoder's cross-attention, too")}
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
    encoder = ZooEntry(names[0], f"Whisper {size}, encoder", TRANSCRIPTION, "whisper:encoder", {"batch": BATCH, "frames": FRAMES} | CROSS_CACHE, fixed)
    return encoder, ZooEntry(names[1], f"Whisper {size}, decoder", TRANSCRIPTION, "whisper:decoder", UTTERANCE, fixed, published)


LANGUAGE_MODELS = (
    decoder("tinyllama_1.1b", "TinyLlama 1.1B", 1_100_048_384, SAFETENSORS + "TinyLlama/TinyLlama-1.1B"),
    decoder("llama3.2_1b", "Llama 3.2 1B", 1_235_814_400, SAFETENSORS + "meta-llama/Llama-3.2-1B"),
    decoder("llama3.2_3b", "Llama 3.2 3B", 3_212_749_824, SAFETENSORS + "meta-llama/Llama-3.2-3B-Instruct"),
    decoder("llama3_8b", "Llama 3 8B", 8_030_261_248),
    decoder("llama2_7b", "Llama 2 7B", 6_738_415_616, RECALLED + "meta-llama/Llama-2-7b-hf"),
    decoder("mistral_7b", "Mistral 7B v0.3", 7_248_023_552, RECALLED + "mistralai/Mistral-7B-v0.3"),
    decoder("baichuan2_7b", "Baichuan 2 7B", 7_505_973_248, RECALLED + "baichuan-inc/Baichuan2-7B-Base"),
    decoder("falcon3_7b", "Falcon 3 7B", 7_455_550_464, RECALLED + "tiiuae/Falcon3-7B-Base"),
    decoder("granite3.1_8b", "Granite 3.1 8B", 8_170_848_256, RECALLED + "ibm-granite/granite-3.1-8b-instruct"),
    decoder("smollm2_135m", "SmolLM2 135M", 134_515_008, RECALLED + "HuggingFaceTB/SmolLM2-135M"),
    decoder("smollm2_360m", "SmolLM2 360M", 361_821_120, RECALLED + "HuggingFaceTB/SmolLM2-360M"),
    decoder("smollm2_1.7b", "SmolLM2 1.7B", 1_711_376_384, RECALLED + "HuggingFaceTB/SmolLM2-1.7B"),
    decoder("qwen2.5_0.5b", "Qwen2.5 0.5B", 494_032_768),
    decoder("qwen2.5_1.5b", "Qwen2.5 1.5B", 1_543_714_304, SAFETENSORS + "Qwen/Qwen2.5-1.5B"),
    decoder("qwen2.5_3b", "Qwen2.5 3B", 3_085_938_688),
    decoder("qwen2.5_7b", "Qwen2.5 7B", 7_615_616_512, RECALLED + "Qwen/Qwen2.5-7B"),
    decoder("qwen2.5_14b", "Qwen2.5 14B", 14_770_033_664, RECALLED + "Qwen/Qwen2.5-14B"),
    decoder("qwen3_0.6b", "Qwen3 0.6B", 596_049_920, RECALLED + "Qwen/Qwen3-0.6B"),
    decoder("qwen3_1.7b", "Qwen3 1.7B", 1_720_574_976, RECALLED + "Qwen/Qwen3-1.7B"),
    decoder("qwen3_4b", "Qwen3 4B", 4_022_468_096, RECALLED + "Qwen/Qwen3-4B"),
    decoder("qwen3_8b", "Qwen3 8B", 8_190_735_360, RECALLED + "Qwen/Qwen3-8B"),
    decoder("gemma_2b", "Gemma 2B", 2_506_172_416),
    decoder("gemma2_2b", "Gemma 2 2B", 2_614_341_888, RECALLED + "google/gemma-2-2b"),
    decoder("gemma2_9b", "Gemma 2 9B", 9_241_705_984, RECALLED + "google/gemma-2-9b"),
    decoder("gemma3_1b", "Gemma 3 1B", 999_885_952, RECALLED + "google/gemma-3-1b-pt"),
    decoder("phi2", "Phi-2", 2_779_683_840, RECALLED + "microsoft/phi-2"),
    decoder("phi3.5_mini", "Phi-3.5 mini", 3_821_079_552, SAFETENSORS + "microsoft/Phi-3.5-mini-instruct"),
    decoder("phi4_mini", "Phi-4 mini", 3_836_021_760, RECALLED + "microsoft/Phi-4-mini-instruct"),
    ZooEntry("bert_base", "BERT base", ENCODING, "bert:bert", TEXT | HEADS, {"layers": 12, "segments": 2, "pooler": True, **BERT_SHAPE},
             (Published("transformers, BertModel of bert-base-uncased", "109482240"), Published(MOBILEBERT_PAPER, "109e6", "22.5e9", "flops"))),
    ZooEntry("bert_large", "BERT large", ENCODING, "bert:bert", TEXT | HEADS,
             {"layers": 24, "segments": 2, "pooler": True, "hidden": 1024, "heads": 16}, (Published(BERT_LARGE, "335141888"),)),
    ZooEntry("distilbert", "DistilBERT", ENCODING, "bert:bert", TEXT | HEADS, {"layers": 6, "segments": 0, "pooler": False, **BERT_SHAPE},
             (Published(PRESETS, "66362880"),)),
    ZooEntry("mobilebert", "MobileBERT", ENCODING, "bert:mobilebert", TEXT | ANSWERS, {"layers": 24}, (Published(MOBILEBERT_FILE, "24.6e6"),),
             note=MOBILEBERT_NOTE),
    ZooEntry("albert_base", "ALBERT base", ENCODING, "albert:albert", TEXT | MASKED, {"layers": 12, **BERT_SHAPE}, (Published(ALBERT_FILE, "11.1e6"),)),
    ZooEntry("electra_base", "ELECTRA base, discriminator", ENCODING, "bert:bert", TEXT | HEADS, {"layers": 12, "segments": 2, "pooler": False, **BERT_SHAPE},
             (Published(ELECTRA, "109e6", options={"head": "replaced_words"}),)),
    ZooEntry("nomic_embed_text", "Nomic Embed Text 1.5", ENCODING, "nomic:nomic", TEXT, {"layers": 12, "feed_forward": 3072, "kept": 512, **BERT_SHAPE},
             (Published("nomic-ai/nomic-embed-text-v1.5, model card", "137e6"),)),
    *whisper("tiny", 4, 384, 6, 37_760_640),
    *whisper("base", 6, 512, 8, 72_593_920),
    *whisper("small", 12, 768, 12, 241_734_912),
)  # fmt: skip
