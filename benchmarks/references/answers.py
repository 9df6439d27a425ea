"""Metrics that compare an answer with references: numbers, mathematics, questions, contrasts."""

import itertools
import json
import random
import re
import string
from collections import Counter
from collections.abc import Iterator
from functools import partial

import numpy as np
from builders.scoring_tables import generated, scored, values
from references.records import DATA, FLEXIBLE, SOLVERS, Row, lm_eval_filter, of_documents, records


def _solved() -> list[tuple[dict, str]]:
    problems = records("gsm8k", "example_model_solutions.jsonl")
    return [
        (problem[solver], problem["ground_truth"]) for solver in SOLVERS for problem in problems
    ]


def _after(marker: str, text: str) -> str:
    return text.rpartition(marker)[2].strip()


def numbers(rng: random.Random) -> Iterator[Row]:
    """Published solutions of GSM8K."""
    from lm_eval.api.metrics import exact_match_hf_evaluate

    solved = _solved()
    texts = [[solution["solution"]] for solution, _ in solved]
    options = {"ignore_case": True, "regexes_to_ignore": [",", r"\$", "(?s).*A: ", r"\.$"]}
    steps = [{"function": "regex", **FLEXIBLE}, {"function": "take_first"}]
    documents = [generated(text, [truth]) for text, (_, truth) in zip(texts, solved, strict=True)]
    items, pipeline = [{"metric": "exact_match", **options}], {"name": "flexible", "filter": steps}
    scores = scored("generate_until", documents, items, filter_list=[pipeline])
    answers = lm_eval_filter("regex", FLEXIBLE, texts, [{}] * len(texts))
    reference = [
        exact_match_hf_evaluate(predictions=answer, references=[truth], **options)["exact_match"]
        for answer, (_, truth) in zip(answers, solved, strict=True)
    ]
    _, *row = of_documents("exact_match", "lm-eval, GSM8K", scores, reference, "flexible")
    yield "exact_match after regex", *row
    last = {"function": "regex", "regex_pattern": r"A: *(-?[0-9.,]+)", "group_select": -1}
    documents = [
        generated(text, [_after("A:", truth)])
        for text, (_, truth) in zip(texts, solved, strict=True)
    ]
    items = [{"metric": "exact_match", "regexes_to_ignore": [",", r"\.$"]}]
    pipeline = {"name": "last", "filter": [last]}
    scores = scored("generate_until", documents, items, filter_list=[pipeline])
    published = [float(solution["is_correct"]) for solution, _ in solved]
    yield of_documents("exact_match", "published is_correct, GSM8K", scores, published, "last")


def samples(rng: random.Random) -> Iterator[Row]:
    """The four published solutions of a GSM8K problem as four samples."""
    pairs = [
        (
            [_after("A:", p[solver]["solution"]) for solver in SOLVERS],
            _after("A:", p["ground_truth"]),
        )
        for p in records("gsm8k", "example_model_solutions.jsonl")
    ]
    documents = [generated(texts, [truth]) for texts, truth in pairs]
    pipeline = [{"name": "none", "filter": [{"function": "take_first_k", "k": 4}]}]
    names = ["pass@1", "pass@2", "maj@3"]
    scores = scored("generate_until", documents, names, filter_list=pipeline)

    def share(texts: list[str], truth: str, k: int) -> float:
        """Of all ways to choose k answers, those with a right one among them."""
        return float(np.mean([truth in some for some in itertools.combinations(texts, k)]))

    for k in (1, 2):
        chosen = [share(texts, truth, k) for texts, truth in pairs]
        yield of_documents(f"pass@{k}", "all choices of k answers, GSM8K", scores, chosen)
    voted = [float(Counter(texts[:3]).most_common(1)[0][0] == truth) for texts, truth in pairs]
    yield of_documents("maj@3", "its definition, GSM8K", scores, voted)


def mathematics(rng: random.Random) -> Iterator[Row]:
    """MATH: the published solutions, their answers alone, rewritten and another problem's."""
    from lm_eval.tasks.minerva_math import utils

    # its limits go by the clock: on a busy machine right answers would be wrong
    utils.parse = partial(utils.parse, parsing_timeout=None)
    utils.verify = partial(utils.verify, timeout_seconds=None)
    solutions = [record["solution"] for record in records("competition_math", "test.jsonl")]
    right = [utils.remove_boxed(utils.last_boxed_only_string(text)) for text in solutions]
    hope = "I hope it is correct."
    answered = []
    for n, (solution, answer) in enumerate(zip(solutions, right, strict=True)):
        other = right[(n + 7) % len(right)]
        for text in (
            solution,
            answer,
            f"So it is.\nFinal Answer: The final answer is ${answer}$. {hope}",
            f"Thus $\\boxed{{ {answer.replace('frac', 'dfrac')} }}$.",
            f"We get $\\boxed{{{other}}}$.\nFinal Answer: The final answer is ${other}$. {hope}",
        ):
            answered.append((text, solution, utils.normalize_final_answer(answer)))
    documents = [generated([text], [solution]) for text, solution, _ in answered]
    scores = scored("generate_until", documents, ["math_equal"])
    theirs = [
        utils.process_results({"solution": solution, "answer": answer}, [text])["math_verify"]
        for text, solution, answer in answered
    ]
    differ = sum(a != b for a, b in zip(values(scores, "math_equal"), theirs, strict=True))
    reference = "lm-eval's minerva_math (math_verify), MATH; answers that differ"
    yield "math_equal", reference, len(answered), differ


def contrasts(rng: random.Random) -> Iterator[Row]:
    """TruthfulQA's answers, each scored against the others."""
    from lm_eval.tasks.truthfulqa.utils import process_results_gen

    documents, expected = [], []
    for record in json.loads((DATA / "truthfulqa" / "mc_task.json").read_text())[:250]:
        labels = record["mc2_targets"].items()
        wrong, right = (
            [text for text, label in labels if label == truth and text] for truth in (0, 1)
        )
        document = {"correct_answers": right, "incorrect_answers": wrong}
        answer = rng.choice(wrong + right)
        documents.append(generated([answer], right, document=json.dumps(document)))
        expected.append(process_results_gen(document, [answer]))
    items = [
        {"metric": name} | ({} if name.endswith("_max") else {"wrong": "incorrect_answers"})
        for name in expected[0]
    ]
    scores = scored("generate_until", documents, items)
    for name in expected[0]:
        theirs = [result[name] for result in expected]
        yield of_documents(name, "lm-eval, TruthfulQA", scores, theirs)


def _official(text: str) -> str:
    """TriviaQA's normalisation."""
    spaces = string.punctuation + "‘’´`"
    text = "".join(" " if c in spaces else c for c in text.replace("_", " ").lower())
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def questions(rng: random.Random) -> Iterator[Row]:
    """Answers of five systems to TriviaQA."""
    from lm_eval.tasks.qasper.metrics import f1_abstractive, normalize_answer

    found = json.loads((DATA / "triviaqa_qaeval" / "TQ.json").read_text())
    answered = [
        (record[f"answer_{system}"], record["golden_answer"].split("/"))
        for record in found
        if not record["improper"]
        for system in ("fid", "gpt35", "chatgpt", "gpt4", "newbing")
    ]
    documents = [generated([answer], golds) for answer, golds in answered]
    names = ["token_f1", "squad_match", "triviaqa_match"]
    scores = scored("generate_until", documents, names)
    f1 = [max(f1_abstractive([answer], [gold]) for gold in golds) for answer, golds in answered]
    source = "SQuAD's script in lm-eval's qasper, TriviaQA"
    yield of_documents("token_f1", source, scores, f1)
    for name, normalised in (("squad_match", normalize_answer), ("triviaqa_match", _official)):
        equal = [normalised(answer) in map(normalised, golds) for answer, golds in answered]
        yield of_documents(name, "its official normalisation, TriviaQA", scores, equal)
