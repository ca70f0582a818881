"""A chat model that runs here, through transformers. Tools and JSON are asked for in words (text_protocol.py).

The decoding loop is our own, so that every token is a place to stream, to stop and to be cancelled.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from planners.llm.chat import Chat, Terms
from planners.llm.completion import Finish, Request, Restarted, TextDelta, TokenLogprob, Usage
from planners.llm.errors import RequestRefused
from planners.llm.interpret import RawChoice, RawReply
from planners.llm.messages import AssistantMessage, Data, Image, Message, SystemMessage, ToolMessage
from planners.llm.request_key import Askings
from planners.llm.text_protocol import instruct
from tools.base import Cancelled, MissingModel

HALF_SIGN = "\ufffd"
"""How a tokenizer shows bytes of a character that is not complete yet."""


@dataclass
class _Row:
    """One answer that grows."""

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    text: str = ""
    done: bool = False


class TransformersChat(Chat):
    """Implements planners.llm.LLM with a causal language model and its tokenizer, which must have a chat template.

    Text only. The same seed and the same requests give the same answers, in whatever order they are asked.
    """

    def __init__(self, name: str, model: Any, tokenizer: Any, terms: Terms | None = None, *, seed: int = 0) -> None:
        """`model` and `tokenizer` are of transformers; `name` is for accounts and prices."""
        terms = terms or Terms()
        limits = [terms.context_tokens, getattr(model.config, "max_position_embeddings", None)]
        known = [limit for limit in limits if limit is not None]
        super().__init__(name, replace(terms, context_tokens=min(known, default=None)))
        self._model, self._tokenizer, self._seed = model.eval(), tokenizer, seed
        self._askings = Askings()
        ends = model.generation_config.eos_token_id
        self._ends = {*(ends if isinstance(ends, list) else [ends]), tokenizer.eos_token_id} - {None}

    @classmethod
    def from_folder(cls, folder: Path, terms: Terms | None = None, *, device: str = "cpu") -> TransformersChat:
        """Load weights (safetensors) and tokenizer from a folder; nothing is downloaded. Raises MissingModel."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
            raise MissingModel(f"no model in {folder}: hf download Qwen/Qwen3-4B-Instruct-2507 --local-dir {folder}")
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype="auto", local_files_only=True, use_safetensors=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return cls(folder.name, model.to(device), tokenizer, terms)

    def count_tokens(self, text: str) -> int:
        """See planners.llm.LLM; exact."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _send(self, request: Request) -> RawReply:
        prompt, rows = self._prompt(request), [_Row() for _ in range(request.n)]
        for _ in self._decode(prompt, rows, request):
            pass
        return self._reply(rows, len(prompt))

    def _send_stream(self, request: Request) -> Generator[TextDelta | Restarted | RawReply, None, None]:
        prompt, row = self._prompt(request), _Row()
        shown = 0
        for _ in self._decode(prompt, [row], request):
            sure = len(row.text) if row.done else _before_half_a_stop(row.text, request.stop)
            if sure > shown:
                yield TextDelta(row.text[shown:sure])
                shown = sure
        if len(row.text) > shown:  # cut off by max_tokens
            yield TextDelta(row.text[shown:])
        yield self._reply([row], len(prompt))

    def _reply(self, rows: Sequence[_Row], prompt: int) -> RawReply:
        choices = []
        for row in rows:
            finish: Finish = "stop" if row.done else "length"
            tokens = self._tokenizer.convert_ids_to_tokens(row.ids)
            logprobs = tuple(map(TokenLogprob, tokens, row.logprobs))
            choices.append(RawChoice(row.text, (), finish, logprobs or None))
        usage = Usage(prompt, sum(len(row.ids) for row in rows))
        return RawReply(tuple(choices), usage, text_tools=True)

    def _prompt(self, request: Request) -> list[int]:
        """Token ids of the conversation in the model's chat template."""
        from jinja2 import TemplateError

        if not self._tokenizer.chat_template:
            raise RequestRefused(f"{self.model} has no chat template: choose an instruction-tuned model")
        turns = self._turns(instruct(request, text_tools=True, text_schema=True).messages)
        try:
            text = self._render(turns)
        except TemplateError:  # templates of e.g. Gemma know no system message
            text = self._render(_merged([("user", said) if role == "system" else (role, said) for role, said in turns]))
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _render(self, turns: Sequence[tuple[str, str]]) -> str:
        messages = [{"role": role, "content": said} for role, said in turns]
        text: str = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return text

    def _turns(self, messages: Sequence[Message]) -> list[tuple[str, str]]:
        """Roles and texts, neighbours of one role joined: many templates insist that user and assistant alternate.

        Control tokens in the texts are broken up: the tokenizer would take them for the real ones.
        """
        turns = []
        for message in messages:
            role, said = self._turn(message)
            for token in self._control_tokens():
                said = said.replace(token, f"{token[0]} {token[1:]}")
            turns.append((role, said))
        return _merged(turns)

    def _turn(self, message: Message) -> tuple[str, str]:
        if isinstance(message, SystemMessage):
            return "system", message.text
        if isinstance(message, AssistantMessage):
            return "assistant", message.text
        assert not isinstance(message, ToolMessage)  # instruct has made user messages of them
        parts = []
        for part in message.parts:
            if isinstance(part, Image):
                raise RequestRefused(f"{self.model} sees no pictures: send text only, or use a model with vision")
            parts.append(part.render() if isinstance(part, Data) else part.text)
        return "user", "\n\n".join(parts)

    def _control_tokens(self) -> set[str]:
        added = {token.content for token in self._tokenizer.added_tokens_decoder.values() if token.special}
        return {token for token in added.union(self._tokenizer.all_special_tokens) if len(token) > 1}

    def _decode(self, prompt: Sequence[int], rows: Sequence[_Row], request: Request) -> Iterator[None]:
        """Grow the answers side by side; comes back after every token. Raises Cancelled."""
        import torch

        key, number = self._askings.next(request)
        device = self._model.device
        rng = torch.Generator(device).manual_seed(random.Random(f"{self._seed}:{key}:{number}").getrandbits(32))
        inputs = torch.tensor([list(prompt)] * len(rows), device=device)  # [n, P]
        cache = None
        for _ in range(request.max_tokens):
            if self._terms.cancelled():
                raise Cancelled("cancelled")
            with torch.inference_mode():
                out = self._model(input_ids=inputs, past_key_values=cache, use_cache=True)
                cache, logits = out.past_key_values, out.logits[:, -1].float()  # [n, V]
                inputs, logprobs = _draw(logits, request.temperature, rng)  # [n, 1] both
            for row, token, logprob in zip(rows, inputs[:, 0].tolist(), logprobs[:, 0].tolist(), strict=True):
                if not row.done:
                    self._grow(row, token, logprob, request.stop)
            yield
            if all(row.done for row in rows):
                return

    def _grow(self, row: _Row, token: int, logprob: float, stop: Sequence[str]) -> None:
        row.ids.append(token)
        row.logprobs.append(logprob)
        if token in self._ends:
            row.done = True
            return
        row.text = self._tokenizer.decode(row.ids, skip_special_tokens=True)
        ends = [row.text.index(word) for word in stop if word in row.text]
        if ends:
            row.text, row.done = row.text[: min(ends)], True


def _draw(logits: Any, temperature: float, rng: Any) -> tuple[Any, Any]:
    """Tokens [n, 1] and their log-probabilities (at temperature 1) [n, 1], of logits [n, V]."""
    import torch

    logprobs = torch.log_softmax(logits, dim=-1)
    if temperature <= 0:
        tokens = logits.argmax(dim=-1, keepdim=True)
    else:
        tokens = torch.multinomial(torch.softmax(logits / temperature, dim=-1), 1, generator=rng)
    return tokens, logprobs.gather(-1, tokens)


def _merged(turns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Neighbours of one role as one turn."""
    merged: list[tuple[str, str]] = []
    for role, said in turns:
        if merged and merged[-1][0] == role:
            merged[-1] = (role, f"{merged[-1][1]}\n\n{said}")
        else:
            merged.append((role, said))
    return merged


def _before_half_a_stop(text: str, stop: Sequence[str]) -> int:
    """How much of a growing text is sure to stay: no half character, no beginning of a stop word at its end."""
    held = len(text) - len(text.rstrip(HALF_SIGN))
    for word in stop:
        held = max(held, *(size for size in range(len(word)) if text.endswith(word[:size])), 0)
    return len(text) - held
