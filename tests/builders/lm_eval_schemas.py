"""Made-up documents with the columns of the hub's data sets: a function of a number for each."""

WORDS = ["red", "blue", "green", "yellow"]


def _qa(n: int) -> dict:
    return {
        "id": str(n),
        "title": f"Page {n}",
        "context": f"Passage {n % 3} says that {n} is odd.",
        "question": f"What is {n}?",
    }


SCHEMAS = {
    "cais/mmlu": lambda n: {
        "question": f" What is {n}? ",
        "subject": "college_biology",
        "choices": [f"{word} {n}" for word in WORDS],
        "answer": n % 4,
    },
    "ceval/ceval-exam": lambda n: {
        "id": n,
        "question": f"第{n}题____",
        "A": "红",
        "B": "蓝",
        "C": "绿",
        "D": "黄",
        "answer": "ABCD"[n % 4],
        "explanation": "",
    },
    "allenai/ai2_arc": lambda n: {
        "id": str(n),
        "question": f"Which is {n}?",
        "choices": {"text": WORDS, "label": list("ABCD") if n % 2 else list("1234")},
        "answerKey": "ABCD"[n % 4] if n % 2 else "1234"[n % 4],
    },
    "Rowan/hellaswag": lambda n: {
        "ind": n,
        "activity_label": "Making tea",
        "ctx_a": f" [header] How to make tea {n} [title] Boil  water. [step] Wait.",
        "ctx_b": "then SHE" if n % 2 else "",
        "endings": [f"pours {n}  cups [substeps] of {word}. " for word in WORDS],
        "label": str(n % 4),
    },
    "truthfulqa/truthful_qa": lambda n: {
        "question": f" What happens {n} times?",
        "mc1_targets": {"choices": [f"It's {word} {n}." for word in WORDS], "labels": [1, 0, 0, 0]},
        "mc2_targets": {"choices": [f'"{word}" {n}' for word in WORDS], "labels": [1, 0, n % 2, 0]},
        "correct_answers": [f"Nothing {n}", " It rains. "] + ["I have no comment."] * (n % 2),
        "incorrect_answers": ["Everything", "", "You die."],
        "best_answer": "Nothing",
    },
    "allenai/winogrande": lambda n: {
        "sentence": f"Ann beat Bob {n} times as _ was 'better' at _ chess.",
        "option1": "Ann",
        "option2": "Bob",
        "answer": str(n % 2 + 1),
    },
    "baber/piqa": lambda n: {
        "goal": f"Open jar {n}",
        "sol1": "turn the 'lid'",
        "sol2": 'say "open"',
        "label": n % 2,
    },
    "aps/super_glue": lambda n: {
        "question": f"is {n} odd",
        "passage": f"The number {n} is what it is.",
        "idx": n,
        "label": n % 2,
    },
    "EleutherAI/race": lambda n: {
        "article": f"A story about {n}.",
        "problems": str(
            [
                {
                    "question": "The story is about  _  .",
                    "answer": "B",
                    "options": [f"{word} {n}" for word in WORDS],
                },
                {"question": "What's next?", "answer": "A", "options": WORDS},
                {"question": f"How many? {n}", "answer": "ABCD"[n % 4], "options": WORDS[::-1]},
            ]
        ),
    },
    "allenai/openbookqa": lambda n: {
        "id": str(n),
        "question_stem": f"The sun is number {n}, because",
        "choices": {"text": WORDS, "label": list("ABCD")},
        "answerKey": "ABCD"[n % 4] + " " * 0,
    },
    "EleutherAI/lambada_openai": lambda n: {
        "text": f"She had {n} keys, and opened the door with the  last key{n}"
    },
    "openai/gsm8k": lambda n: {
        "question": f"What is {n} + 1?",
        "answer": f"It is {n} + 1 = <<{n}+1={n + 1}>>{n + 1}.\n#### {n + 1},000",
    },
    "EleutherAI/hendrycks_math": lambda n: {
        "problem": f"What is $\\frac{{{n}}}{{2}}$?",
        "level": "Level 5",
        "type": "Algebra",
        "solution": f"Halve it: $\\boxed{{\\frac{{{n}}}{{2}}}}$.",
    },
    "SaylorTwift/bbh": lambda n: {"input": f"True and {n % 2 == 0} is", "target": str(n % 2 == 0)},
    "openai/openai_humaneval": lambda n: {
        "task_id": f"HumanEval/{n}",
        "prompt": f'def add(a):\n    """Add {n}.\n\n    >>> add(1)\n    """\n',
        "canonical_solution": f"    return a + {n}\n",
        "test": f"def check(candidate):\n    assert candidate(1) == {n + 1}\n",
        "entry_point": "add",
    },
    "mandarjoshi/trivia_qa": lambda n: {
        "question": f"Who was number {n}?",
        "answer": {"value": "Ann", "aliases": ["Ann", f"Ann {n}th", "The 'Ann'"]},
    },
    "rajpurkar/squad": lambda n: (
        _qa(n) | {"answers": {"text": ["odd", f"{n} is odd"], "answer_start": [0, 1]}}
    ),
    "rajpurkar/squad_v2": lambda n: (
        _qa(n) | {"answers": {"text": ["odd"] * (n % 2), "answer_start": [0] * (n % 2)}}
    ),
    "nyu-mll/glue": lambda n: {
        "sentence": f"a film of {n} hours ",
        "sentence1": f"He said {n}.",
        "sentence2": "He spoke.",
        "label": n % 2,
        "idx": n,
    },
    "EleutherAI/wikitext_document_level": lambda n: {
        "page": f" = Page {n} = \n\n It 's 3 @,@ {n} ( so ) . \n = = Part = = \n"
    },
    "abisee/cnn_dailymail": lambda n: {
        "article": f"On day {n} it rained. It stopped.",
        "highlights": f"Rain on day {n} .\nIt stopped .",
    },
    "wmt/wmt14": lambda n: {"translation": {"fr": f"le {n}", "en": f"the {n}"}},
    "wmt/wmt16": lambda n: {"translation": {"de": f"der {n}", "ro": f"un {n}", "en": f"the {n}"}},
}
