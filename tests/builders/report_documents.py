"""Documents of synthetic runs: requests, and what a model read, answered and scored."""

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from snakeval.schemas.model import RESPONSES, SCORES, TOKENS
from snakeval.schemas.task import REQUESTS

HOSTILE = [
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">",
    "</script></pre></td></table><!-- <b>never closed",
    "right to left \u202egnirts lautca\u202c and zero\u200bwidth\u2060joined\ufeff text",
    "NUL \x00 bell \x07 escape \x1b[31m and a lone carriage return \r end",
    "{{ 7 * 7 }} ${7*7} `backticks` \\u003c 'single' \"double\" & &amp; ]]> --> "
    "\u2028 line separator",
    "=cmd|' /C calc'!A0",
]
KINDS = ("choice", "generation", "answer", "last_word", "perplexity")
METRICS = {  # kind -> (filter, metric, higher is better, chance, primary)
    "choice": [("none", "acc", True, 0.25, True), ("none", "acc_norm", True, 0.25, False)],
    "generation": [
        ("strict-match", "exact_match", True, None, True),
        ("flexible-extract", "exact_match", True, None, False),
    ],
    "answer": [("none", "exact_match", True, None, False), ("none", "f1", True, None, True)],
    "last_word": [("none", "acc", True, None, True), ("none", "perplexity", False, None, False)],
    "perplexity": [("none", "word_perplexity", False, None, True)],
}
NAMES = {
    "choice": "boolean",
    "generation": "arithmetic",
    "answer": "passages",
    "last_word": "last_word",
    "perplexity": "unseen_text",
}
OUTPUT_TYPES = {
    "choice": "multiple_choice",
    "last_word": "loglikelihood",
    "perplexity": "loglikelihood_rolling",
}
GENERATED = ("generation", "answer")
LONG = "a very long answer " * 55_000

Leaf = tuple[str, str, str | None]  # task, kind, parent group


def benchmarks_of(tasks: int) -> dict[str, list[Leaf]]:
    """Benchmark -> its leaves.

    From seven tasks on one benchmark is a group, and from forty on it has groups in it.
    """
    plan: dict[str, list[Leaf]] = {}
    subjects = 0 if tasks < 7 else 2 if tasks < 40 else 20
    for i in range(tasks - subjects):
        kind = KINDS[i % len(KINDS)]
        name = NAMES[kind] if i < len(KINDS) else f"{NAMES[kind]}_{i // len(KINDS) + 1}"
        plan[name] = [(name, kind, None)]
    if subjects:
        areas = ["humanities", "social_sciences", "stem", "other"]
        areas = areas if subjects == 20 else ["subjects"]
        plan["subjects"] = [
            (f"subjects_{i:02d}", "choice", areas[i % len(areas)]) for i in range(subjects)
        ]
    return plan


def requests(
    task: str, kind: str, documents: int, rng: np.random.Generator, hostile: bool
) -> pa.Table:
    """REQUESTS of a task."""
    rows = [_request(task, kind, doc, rng, hostile) for doc in range(documents)]
    return pa.Table.from_pylist(rows, schema=REQUESTS)


def _request(task: str, kind: str, doc: int, rng: np.random.Generator, hostile: bool) -> dict:
    a, b = (int(x) for x in rng.integers(2, 90, 2))
    odd = HOSTILE[doc] if hostile and doc < len(HOSTILE) else ""
    question = _question(kind, a, b, odd)
    choices = [f"{a + b + d} {odd}" for d in (0, 1, 10, -1)] if kind == "choice" else []
    gold = int(rng.integers(0, 4)) if choices else 0
    choices[0:1], choices[gold : gold + 1] = choices[gold : gold + 1], choices[0:1]
    marbles, mills = ["marbles"], [f"The {a} old mills of the {b} towns. " * 9 + odd]
    continuations = choices or {"last_word": marbles, "perplexity": mills}.get(kind, [])
    references = [str(a if kind == "answer" else a + b)]
    if choices or kind == "last_word":
        references = [choices[gold]] if choices else marbles
    first = -1 if kind == "perplexity" else 0
    return {
        "task": task,
        "doc_id": doc,
        "kind": OUTPUT_TYPES.get(kind, "generate_until"),
        "preamble": _preamble() if kind in ("choice", *GENERATED) else [],
        "questions": [] if kind == "perplexity" else [question],
        "question_delimiter": "",
        "gen_prefix": None,
        "continuations": [{"question": first, "text": text} for text in continuations],
        "target_delimiter": " ",
        "chat_target_delimiter": "",
        "choices": choices,
        "gold": [gold] if choices else [],
        "references": references,
        "segments": [],
        "generation": _generation() if kind in GENERATED else None,
        "cluster": f"passage {doc % 6}" if kind == "answer" else None,
        "document": json.dumps({"question": question, "a": a, "b": b}, ensure_ascii=False),
    }


def _question(kind: str, a: int, b: int, odd: str) -> str:
    pears = f"Mia has {a} pears and buys {b} more. How many pears has she?"
    lund = f"The town of Lund has {a} bridges and {b} mills."
    bag = f"Tom put the {a} marbles into the red bag. Later he looked for the"
    return {
        "choice": f"Question: which of the four is the sum of {a} and {b}? {odd}\nAnswer:",
        "generation": f"Question: {pears} {odd}\nAnswer:",
        "answer": f"Passage: {lund} {odd}\nQuestion: how many bridges are there?\nAnswer:",
        "last_word": f"{bag} {odd}",
        "perplexity": "",
    }[kind]


def _preamble() -> list[dict]:
    """A system prompt and two examples."""

    def turn(role: str, text: str, delimiter: str, document: int | None) -> dict:
        return {"role": role, "text": text, "delimiter": delimiter, "document": document}

    turns = [turn("system", "Answer the question.", "\n\n", None)]
    for i, n in enumerate((3, 8)):
        turns.append(turn("user", f"Question: what is {n} and {n}?\nAnswer:", " ", i))
        turns.append(turn("assistant", f"{2 * n}", "\n\n", i))
    return turns


def _generation() -> dict:
    settings = {
        "until": ["\n\n", "Question:"],
        "max_new_tokens": 64,
        "do_sample": False,
        "temperature": 0.0,
        "top_p": 1.0,
    }
    return settings | {"top_k": 0, "repetition_penalty": 1.0, "samples": 1, "seed": 1234}


@dataclass(frozen=True)
class Answer:
    """What a model gave for one request."""

    right: bool
    best: int  # place of the likeliest choice
    loglikelihoods: list[float]
    continuations: list[list[int]]  # token ids
    truncated: int
    texts: list[str]
    cut: bool
    empty: bool


def answers(
    model: str,
    requests: pa.Table,
    leaves: list[Leaf],
    ability: float,
    difficulty: np.ndarray,
    rng: np.random.Generator,
    hostile: bool,
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """TOKENS, RESPONSES and SCORES of a model."""
    kinds = {task: kind for task, kind, _ in leaves}
    tokens, responses, scores = [], [], []
    for request, hard in zip(requests.to_pylist(), difficulty, strict=True):
        kind = kinds[request["task"]]
        key = {"model": model, "task": request["task"], "doc_id": request["doc_id"]}
        answer = _answer(request, kind, ability - 0.6 * hard, rng, hostile)
        tokens.append(key | _tokens(request, answer, chat=model in ("large", "model-01")))
        responses.append(key | _response(request, answer))
        scores += [key | row for row in _scores(request, kind, answer, rng)]
    return (
        pa.Table.from_pylist(tokens, schema=TOKENS),
        pa.Table.from_pylist(responses, schema=RESPONSES),
        pa.Table.from_pylist(scores, schema=SCORES),
    )


def _answer(
    request: dict, kind: str, ability: float, rng: np.random.Generator, hostile: bool
) -> Answer:
    doc, gold = request["doc_id"], (request["gold"] or [0])[0]
    right = bool(rng.normal() * 0.7 < ability)
    count = 0 if kind in GENERATED else len(request["continuations"])
    continuations = [[7, 8, 9][: 1 + i % 3] for i in range(count)]
    cut = kind == "generation" and rng.random() < 0.05
    empty = kind == "generation" and rng.random() < 0.02
    truncated = int(rng.integers(1, 400)) if doc % 17 == 3 else 0
    scale = 2.0 + len(request["references"][0]) % 2
    lls = [-float(x) for x in rng.gamma(2.0, scale, count)]
    best, texts = 0, []
    if kind == "choice":
        best = gold if right else (gold + 1 + int(rng.integers(3))) % 4
        top = int(np.argmax(lls))
        lls[best], lls[top] = lls[top], lls[best]
    if kind in GENERATED:
        answer = request["references"][0] if right else str(int(rng.integers(200)))
        refused = kind == "answer" and doc == 11
        texts = [_text(kind, answer, _odd(doc) if hostile else "", cut, empty, refused)]
        right = right and not cut and not empty and not refused
    return Answer(right, best, lls, continuations, truncated, texts, cut, empty)


def _odd(doc: int) -> str:
    return [*HOSTILE, LONG][doc] if doc <= len(HOSTILE) else ""


def _text(kind: str, answer: str, odd: str, cut: bool, empty: bool, refused: bool) -> str:
    text = f"{answer}{odd}"
    if kind == "generation":
        text = f"There are some, and then some more. {odd} #### {answer}"
    if empty:
        text = ""
    if cut:
        return text[:30] + " and so on" * 12
    return "I'm sorry, but I can't say." if refused else text


def _tokens(request: dict, answer: Answer, chat: bool) -> dict:
    return {
        "kind": request["kind"],
        "prompts": [_prompt(request, chat)],
        "contexts": [list(range(20 + request["doc_id"] % 50))],
        "continuations": [{"context": 0, "ids": ids} for ids in answer.continuations],
        "token_types": None,
        "offsets": None,
        "passage": None,
        "generation": request["generation"],
        "dropped_shots": int(answer.truncated > 300),
        "truncated_tokens": answer.truncated,
    }


def _prompt(request: dict, chat: bool) -> str:
    question = {"role": "user", "text": "".join(request["questions"]), "delimiter": ""}
    turns = [*request["preamble"], question]
    if chat:
        said = [f"<|im_start|>{t['role']}\n{t['text']}<|im_end|>\n" for t in turns]
        return "".join(said) + "<|im_start|>assistant\n"
    return "<s>" + "".join(t["text"] + t["delimiter"] for t in turns)


def _response(request: dict, answer: Answer) -> dict:
    lengths = [len(ids) for ids in answer.continuations]
    if answer.texts:
        lengths = [64 if answer.cut else len(answer.texts[0].split())]
    return {
        "kind": request["kind"],
        "loglikelihoods": answer.loglikelihoods,
        "greedy": [answer.right] * len(answer.loglikelihoods),
        "n_tokens": lengths,
        "texts": answer.texts,
        "finish_reasons": ["length" if answer.cut else "stop"] if answer.texts else [],
    }


def _scores(request: dict, kind: str, answer: Answer, rng: np.random.Generator) -> list[dict]:
    rows, found = [], not (answer.cut or answer.empty)
    for name, metric, _, _, primary in METRICS[kind]:
        value: float | None = float(answer.right)
        if metric == "f1" and not answer.right:
            value = float(rng.choice([0.0, 0.0, 0.4, 2 / 3]))
        if metric == "acc_norm" and rng.random() < 0.1:
            value = 1.0 - float(answer.right)
        statistics = None
        if metric.endswith("perplexity"):
            words = 1.0 if metric == "perplexity" else 9.0
            value, statistics = None, [answer.loglikelihoods[0], words]
        prediction = (answer.texts or ["marbles"])[0][-40:]
        if kind in ("perplexity", "choice"):
            prediction = request["choices"][answer.best] if kind == "choice" else None
        if not found and primary:
            prediction = "[invalid]"
        row = {
            "filter": name,
            "metric": metric,
            "value": value,
            "statistics": statistics,
            "item": None,
            "prediction": prediction,
            "extracted": found or not primary,
            "cluster": request["cluster"],
        }
        rows.append(row)
    return rows
