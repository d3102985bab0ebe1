"""Fine-tune a sentence encoder of BERT's kind without back-propagation: `python tune.py --model FOLDER`.

FOLDER holds `config.json`, `tokenizer.json` and `model.safetensors`, as sentence-transformers' models do; a zip file of
the three will do too. Nothing is downloaded. The task is generated: whether a short review praises or complains, with
words in the test that no training sentence has. All parameters are trained. Linux only, as the peak memory is the
kernel's.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import struct
import zipfile
from pathlib import Path
from typing import Any

import click
import torch
import torch._dynamo  # torch.utils.checkpoint imports it at its first use: no memory of training
import torch.nn.functional as F
from torch import Tensor, nn

import nogd
from nogd.bench.memory import peak_megabytes, reset_peak

THINGS = ["meal", "film", "hotel", "journey", "concert", "teacher", "book", "service"]
PLACES = ["the {} was {}", "what a {} {}", "we found the {} {}", "honestly , a {} {}"]
WORDS = {
    "train": (["wonderful", "excellent", "delightful"], ["terrible", "awful", "boring"]),
    "test": (["superb", "fantastic", "charming"], ["horrible", "dreadful", "dull"]),
}
LENGTH = 12
MB = 1024**2 / 1e6  # in a MiB


class Layer(nn.Module):
    """One of BERT's (Devlin et al., arXiv:1810.04805), its parts named as in the files."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, inner, eps = config["hidden_size"], config["intermediate_size"], config["layer_norm_eps"]
        self.heads = config["num_attention_heads"]
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.join, self.between = nn.Linear(width, width), nn.LayerNorm(width, eps)
        self.wide, self.narrow = nn.Linear(width, inner), nn.Linear(inner, width)
        self.after = nn.LayerNorm(width, eps)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        parts = (part(x).unflatten(-1, (self.heads, -1)) for part in (self.query, self.key, self.value))
        found = F.scaled_dot_product_attention(*(part.transpose(1, 2) for part in parts), attn_mask=mask)
        x = self.between(x + self.join(found.transpose(1, 2).flatten(2)))
        return self.after(x + self.narrow(F.gelu(self.wide(x))))


class Encoder(nn.Module):
    """The encoder, the mean over a sentence's tokens, and two classes."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.places = nn.Embedding(config["max_position_embeddings"], width)
        self.kinds = nn.Embedding(config["type_vocab_size"], width)
        self.first = nn.LayerNorm(width, config["layer_norm_eps"])
        self.layers = nn.ModuleList([Layer(config) for _ in range(config["num_hidden_layers"])])
        self.classes = nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        seen = tokens > 0  # 0 is padding
        x = self.first(self.words(tokens) + self.places.weight[: tokens.shape[1]] + self.kinds.weight[0])
        for layer in self.layers:
            x = layer(x, seen[:, None, None, :])
        weights = seen[..., None].to(x.dtype)
        return self.classes(F.normalize((x * weights).sum(1) / weights.sum(1), dim=1) * math.sqrt(x.shape[2]))


# The names in the files, each with ours.
NAMES = {
    "embeddings.word_embeddings": "words",
    "embeddings.position_embeddings": "places",
    "embeddings.token_type_embeddings": "kinds",
    "embeddings.LayerNorm": "first",
    "encoder.layer": "layers",
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "join",
    "attention.output.LayerNorm": "between",
    "intermediate.dense": "wide",
    "output.dense": "narrow",
    "output.LayerNorm": "after",
}


def read(model: Path, name: str) -> bytearray:
    """A file of the model's folder or zip."""
    if model.is_dir():
        return bytearray((model / name).read_bytes())
    with zipfile.ZipFile(model) as packed:
        return bytearray(packed.read(name))


def weights_of(raw: bytearray) -> dict[str, Tensor]:
    """Tensors of a safetensors file in float32, by our names: 8 bytes of length, a JSON header, and the numbers."""
    (length,) = struct.unpack("<Q", raw[:8])
    kinds = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    found = {}
    for name, about in json.loads(raw[8 : 8 + length]).items():
        if name != "__metadata__" and (kind := kinds.get(about["dtype"])) is not None:
            start, stop = about["data_offsets"]
            count, offset = (stop - start) // kind.itemsize, 8 + length + start
            flat = torch.frombuffer(raw, dtype=kind, count=count, offset=offset)
            found[_our_name(name)] = flat.view(about["shape"]).float()
    return found


def _our_name(theirs: str) -> str:
    for part, ours in NAMES.items():
        theirs = theirs.replace(part, ours)
    return theirs.removeprefix("bert.")


def encoder(model: Path) -> Encoder:
    """The encoder as it is in the files; the classes' weights are 0."""
    made = Encoder(json.loads(read(model, "config.json")))
    missing = made.load_state_dict(weights_of(read(model, "model.safetensors")), strict=False).missing_keys
    if missing != ["classes.weight", "classes.bias"]:
        raise click.UsageError(
            f"{model} is no model of BERT's kind: {missing[0]} is not in model.safetensors."
        )
    for parameter in made.classes.parameters():
        nn.init.zeros_(parameter)
    return made.eval()


def tokens_of(sentence: str, vocabulary: dict[str, int]) -> list[int]:
    """WordPiece: of each word the longest known piece, then the longest of the rest; padded to LENGTH."""
    found = [vocabulary["[CLS]"]]
    for word in re.findall(r"\w+|[^\w\s]", sentence.lower()):
        start = 0
        while start < len(word):
            ends = range(len(word), start, -1)
            pieces = (("##" if start else "") + word[start:end] for end in ends)
            piece, start = next(
                ((p, end) for p, end in zip(pieces, ends, strict=True) if p in vocabulary),
                ("[UNK]", len(word)),
            )
            found.append(vocabulary[piece])
    found = [*found[: LENGTH - 1], vocabulary["[SEP]"]]
    return found + [0] * (LENGTH - len(found))


def data(vocabulary: dict[str, int], which: str) -> tuple[Tensor, Tensor]:
    """Token numbers `[N, LENGTH]` and classes `[N]`."""
    rows, classes = [], []
    for kind, words in enumerate(WORDS[which]):
        for word, (place, frame), thing in itertools.product(words, enumerate(PLACES), THINGS):
            order = (word, thing) if place % 2 else (thing, word)
            rows.append(tokens_of(frame.format(*order), vocabulary))
            classes.append(kind)
    return torch.tensor(rows), torch.tensor(classes)


@torch.no_grad()
def accuracy(module: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    """The share of sentences whose class the module finds."""
    return float((module(inputs).argmax(1) == targets).float().mean())


@click.command()
@click.option(
    "--model", type=click.Path(exists=True, path_type=Path), required=True, help="Folder or zip file."
)
@click.option("--learner", default="mezo", show_default=True, help="Any of nogd's, with its settings.")
@click.option("--forwards", default=400.0, show_default=True, help="Budget.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="File to go on from, which takes memory.")
def main(model: Path, learner: str, forwards: float, checkpoint: Path | None) -> None:
    """Fine-tune the encoder and print what that took and what it brought."""
    vocabulary = json.loads(read(model, "tokenizer.json"))["model"]["vocab"]
    module, (inputs, targets), test = encoder(model), data(vocabulary, "train"), data(vocabulary, "test")
    chance = accuracy(module, inputs, targets)  # all outputs are equal
    reset_peak()
    before = peak_megabytes()
    with torch.no_grad():
        module(inputs)
    inference = peak_megabytes() - before
    reset_peak()
    before = peak_megabytes()
    run = nogd.fit(
        module, inputs, targets, learner=learner, loss="cross-entropy", budget=forwards, checkpoint=checkpoint
    )
    peak = peak_megabytes() - before
    right = accuracy(module, inputs, targets), accuracy(module, *test)
    size = sum(p.numel() for p in module.parameters())
    print(f"{size:,} parameters, {len(inputs)} sentences; {run}")
    print(f"training loss {run.points[0]['loss']:.4f} before, {run.loss:.4f} after")
    print(f"accuracy: training {right[0]:.3f}, test {right[1]:.3f}; at the start both are {chance:.3f}")
    print(
        f"{run.meter.seconds:.0f} s; peak {peak * MB:.0f} MB above module and data, inference {inference * MB:.0f} MB"
    )


if __name__ == "__main__":
    main()
