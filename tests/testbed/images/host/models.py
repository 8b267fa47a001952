# Copyright: (c) 2026, llmops.litellm contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write three tiny models in GGUF with random weights: real architecture, real tokenizer, no sense.

    models.py FOLDER        writes FOLDER/embed.gguf (BERT, mean pooling), FOLDER/rerank.gguf (BERT with a rank head) and FOLDER/chat.gguf (Llama)

The same weights each time, so that an embedding of a text is the same on every host.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gguf
import numpy

BLOCKS, WIDTH, HEADS, FORWARD, CONTEXT = 2, 64, 4, 128, 512
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,:;!?'\"()-_/@#$%&*+=<>[]{}|~^`\\"
# Enough words to tell texts apart; everything else falls into letters.
WORDS = "the of and a to in is it you that he was for on are with as his they at be this from have or by one had not but what all".split()


def vocabulary() -> list[str]:
    """WordPiece tokens as llama.cpp wants them: a word's beginning marked by U+2581, a continuation bare."""
    starts = ["\u2581" + word for word in dict.fromkeys([*LETTERS, *WORDS])]
    return [*SPECIAL, *starts, *LETTERS]


def describe(writer: gguf.GGUFWriter, tokens: list[str], pooling: gguf.PoolingType) -> None:
    """Write the model's parameters and its tokenizer."""
    writer.add_name("test bed, random weights")
    writer.add_block_count(BLOCKS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("jina-v1-en")
    writer.add_token_list(tokens)
    kinds = [gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL for token in tokens]
    kinds[SPECIAL.index("[UNK]")] = gguf.TokenType.UNKNOWN
    writer.add_token_types(kinds)
    writer.add_token_type_count(2)
    writer.add_pad_token_id(SPECIAL.index("[PAD]"))
    writer.add_unk_token_id(SPECIAL.index("[UNK]"))
    writer.add_bos_token_id(SPECIAL.index("[CLS]"))
    writer.add_eos_token_id(SPECIAL.index("[SEP]"))
    writer.add_sep_token_id(SPECIAL.index("[SEP]"))
    writer.add_mask_token_id(SPECIAL.index("[MASK]"))


def write(path: Path, pooling: gguf.PoolingType, seed: int) -> None:
    """Write one model."""
    tokens = vocabulary()
    random = numpy.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "bert")
    describe(writer, tokens, pooling)

    def weight(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.normal(0, 0.2, shape).astype(numpy.float32))

    def layer(name: str, outputs: int, inputs: int) -> None:
        weight(f"{name}.weight", outputs, inputs)
        weight(f"{name}.bias", outputs)

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", numpy.ones(WIDTH, dtype=numpy.float32))
        writer.add_tensor(f"{name}.bias", numpy.zeros(WIDTH, dtype=numpy.float32))

    weight("token_embd.weight", len(tokens), WIDTH)
    weight("token_types.weight", 2, WIDTH)
    weight("position_embd.weight", CONTEXT, WIDTH)
    norm("token_embd_norm")
    for number in range(BLOCKS):
        block = f"blk.{number}"
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            layer(f"{block}.{part}", WIDTH, WIDTH)
        norm(f"{block}.attn_output_norm")
        layer(f"{block}.ffn_up", FORWARD, WIDTH)
        layer(f"{block}.ffn_down", WIDTH, FORWARD)
        norm(f"{block}.layer_output_norm")
    if pooling == gguf.PoolingType.RANK:
        layer("cls", WIDTH, WIDTH)
        layer("cls.output", 1, WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def speak(path: Path, seed: int) -> None:
    """Write a model that can be chatted with. Its tokens are letters, and bytes for all else, so what it says is text."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *LETTERS]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL, *[gguf.TokenType.BYTE] * 256]
    kinds += [gguf.TokenType.NORMAL] * (len(tokens) - len(kinds))
    random = numpy.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("test bed, random weights")
    writer.add_block_count(BLOCKS)
    writer.add_context_length(CONTEXT * 4)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}{% endfor %}assistant:")

    def weight(name: str, *shape: int) -> None:
        writer.add_tensor(f"{name}.weight", random.normal(0, 0.2, shape).astype(numpy.float32))

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", numpy.ones(WIDTH, dtype=numpy.float32))

    weight("token_embd", len(tokens), WIDTH)
    norm("output_norm")
    said = random.normal(0, 0.2, (len(tokens), WIDTH)).astype(numpy.float32)
    said[: -len(LETTERS)] = 0  # letters alone are ever likely, so that it neither ends at once nor says half a character
    writer.add_tensor("output.weight", said)
    for number in range(BLOCKS):
        block = f"blk.{number}"
        norm(f"{block}.attn_norm")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weight(f"{block}.{part}", WIDTH, WIDTH)
        norm(f"{block}.ffn_norm")
        weight(f"{block}.ffn_gate", FORWARD, WIDTH)
        weight(f"{block}.ffn_up", FORWARD, WIDTH)
        weight(f"{block}.ffn_down", WIDTH, FORWARD)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "embed.gguf", gguf.PoolingType.MEAN, 1)
    write(folder / "rerank.gguf", gguf.PoolingType.RANK, 2)
    speak(folder / "chat.gguf", 3)


if __name__ == "__main__":
    main()
