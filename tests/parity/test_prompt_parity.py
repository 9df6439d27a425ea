"""Prompts, continuations and generation settings equal those of lm-evaluation-harness to the byte.

The same task file and the same documents go through the real package and through snakeval, as texts
and as chats. The task files here use every form of the language. Files of the package itself
follow, over real data if SNAKEVAL_DATA names their folder.
"""

import pytest
from builders.lm_eval_harness import compare
from builders.real_data import DATA, REAL

needs_data = pytest.mark.skipif(
    not DATA, reason="SNAKEVAL_DATA does not name the folder of real data sets"
)

MODULE = '''
"""Functions of the task files."""


def shout(docs):
    return docs.map(lambda doc: {"question": doc["question"].upper(), "extra": doc["label"] + 1})


def odd(docs):
    return docs.filter(lambda doc: doc["label"] % 2 == 1)


def text(doc):
    return "Q: " + doc["question"]


def target(doc):
    return doc["label"]


def targets(doc):
    return doc["aliases"]


def choices(doc):
    return [choice.strip() for choice in doc["choices"]]


def blank(doc):
    return [doc["sentence"].replace("_", option) for option in doc["options"]]


def after_blank(doc):
    return doc["sentence"].partition("_")[2].strip()


def which(doc):
    return int(doc["number"]) - 1


def samples():
    return [
        {
            "question": f"What is {n}?",
            "choices": ["a", "b", "c"],
            "label": n % 3,
            "answer": f"it is {n}",
        }
        for n in range(5)
    ]


def results(doc, results):
    return {"own": 1.0}
'''


def document(number: int) -> dict:
    words = ["red", "grün", "蓝色", "y'ellow", "  spaced ", 'qu"ote']
    return {
        "question": f"Which colour is number {number}?"
        + " " * (number % 3 == 1)
        + "\n" * (number % 5 == 4),
        "choices": [words[(number + k) % 5] for k in range(3)],
        "label": number % 3,
        "letter": "ABC"[number % 3],
        "answer": f"{words[number % 6]} {number}",
        "aliases": [f"{number}", words[number % 6]],
        "number": str(number % 2 + 1),
        "digits": str(number % 3),
        "passage": f"A passage about {number}.\n\nIt has  two parts\t.",
        "sentence": f"Number {number} beat seven because _ was bigger.",
        "options": [f"number {number}", "seven"],
        "hint": "" if number % 4 == 0 else f"Hint {number}:",
        "nested": {"key": ["v", str(number)]},
    }


SPLITS = {
    "train": [document(n) for n in range(20, 32)],
    "dev": [document(n) for n in range(40, 47)],
    "test": [document(n) for n in [*range(8), 3, 3]],  # two documents are there more than once
}
CHOICE = (
    "output_type: multiple_choice\ndoc_to_text: '{{question}}'\ndoc_to_target: label\n"
    "doc_to_choice: choices\n"
)
GENERATE = "doc_to_text: 'Q: {{question}}\\nA:'\ndoc_to_target: answer\n"
SPLIT_KEYS = (
    "training_split: train\nvalidation_split: dev\ntest_split: test\n"
    "fewshot_config: {sampler: default}\n"
)

# Name: keys of the task file, added to SPLIT_KEYS.
TASKS = {
    "choice": CHOICE,
    "choice_3shot": CHOICE + "num_fewshot: 3\n",
    "choice_fewshot_dev": CHOICE + "num_fewshot: 2\nfewshot_split: dev\n",
    "choice_fewshot_test": CHOICE + "num_fewshot: 4\nfewshot_split: test\n",
    "choice_first_n": CHOICE
    + "num_fewshot: 3\nfewshot_split: test\nfewshot_config: {sampler: first_n}\n",
    "choice_first_n_train": CHOICE + "num_fewshot: 3\nfewshot_config: {sampler: first_n}\n",
    "validation_only": CHOICE
    + "num_fewshot: 2\nvalidation_split: dev\nfewshot_config: {sampler: default}\n",
    "validation_is_pool": CHOICE + "num_fewshot: 2\nvalidation_split: dev\nfewshot_split: dev\n"
    "fewshot_config: {sampler: default}\n",
    "only_test": CHOICE + "num_fewshot: 2\ntest_split: test\nfewshot_config: {sampler: default}\n",
    "letters": "output_type: multiple_choice\ndoc_to_text: '{{question}} {{choices[0]}}\n"
    "Answer:'\ndoc_to_target: letter\n"
    "doc_to_choice: [A, B, C]\nnum_fewshot: 1\n",
    "letters_by_index": "output_type: multiple_choice\ndoc_to_text: question\n"
    "doc_to_target: digits\ndoc_to_choice: ['A', 'B', 'C']\n",
    "letters_by_template": CHOICE.replace("doc_to_target: label", "doc_to_target: '{{label}}'")
    + "num_fewshot: 2\n",
    "letters_found": CHOICE.replace(
        "doc_to_target: label", "doc_to_target: \"{{['A','B','C'].index(letter)}}\""
    )
    + "num_fewshot: 2\n",
    "dict_choices": CHOICE.replace("choices\n", "{no: wrong, yes: right, so: so so}\n")
    + "num_fewshot: 1\n",
    "template_choices": CHOICE.replace("choices\n", "'{{[choices[2], choices[0], letter]}}'\n")
    + "num_fewshot: 1\n",
    "several_right": CHOICE.replace("doc_to_target: label", "doc_to_target: '{{[label, 0]}}'"),
    "fixed_target": CHOICE.replace("doc_to_target: label", "doc_to_target: 0")
    + "process_results: !function own.results\n"
    "metric_list: [{metric: own, aggregation: mean, higher_is_better: true}]\nnum_fewshot: 1\n",
    "mutual": CHOICE
    + "metric_list: [{metric: acc_mutual_info, aggregation: mean, higher_is_better: true}]\n"
    "num_fewshot: 1\n",
    "no_delimiter": CHOICE + "target_delimiter: ''\nnum_fewshot: 2\n",
    "newline_delimiter": CHOICE
    + 'target_delimiter: "\\n"\nfewshot_delimiter: "\\n---\\n"\nnum_fewshot: 2\n',
    "described": CHOICE
    + 'description: "Pick the colour of {{nested.key[1]}}.\\n\\n"\nnum_fewshot: 2\n',
    "described_by_column": CHOICE + "description: hint\n",
    "prefixed": CHOICE + "gen_prefix: 'The answer is'\nnum_fewshot: 2\n",
    "prefixed_with_space": CHOICE + "gen_prefix: 'The answer is '\nnum_fewshot: 2\n",
    "prefixed_by_template": CHOICE
    + "gen_prefix: '{{letter}}:'\nnum_fewshot: 2\ndescription: Choose.\n",
    "prefixed_by_column": CHOICE + "gen_prefix: hint\nnum_fewshot: 1\n",
    "prefixed_newline": CHOICE + 'gen_prefix: "\\nA:"\nnum_fewshot: 1\n',
    "functions": "output_type: multiple_choice\ndoc_to_text: !function own.text\n"
    "doc_to_target: !function own.target\n"
    "doc_to_choice: !function own.choices\nprocess_docs: !function own.shout\nnum_fewshot: 2\n",
    "processed": CHOICE.replace("{{question}}", "{{question}} {{extra}}")
    + "process_docs: !function own.shout\nnum_fewshot: 2\n"
    "fewshot_split: train\n",
    "filtered_pool": CHOICE
    + "num_fewshot: 2\nfewshot_config: {sampler: default, split: train, process_docs: !function "
    "own.odd}\n",
    "own_shots": CHOICE
    + "num_fewshot: 2\nfewshot_config: {sampler: default, split: train, doc_to_text: 'Example: "
    "{{question}}', "
    "doc_to_choice: [x, y, z], target_delimiter: ' = ', fewshot_delimiter: ' ; ', gen_prefix: "
    "'A'}\n",
    "shots_without_choices": CHOICE
    + "num_fewshot: 2\nfewshot_config: {sampler: default, split: train, doc_to_choice: null, "
    "doc_to_target: answer}\n",
    "shots_without_answer": CHOICE
    + "num_fewshot: 2\nfewshot_config: {sampler: default, split: train, doc_to_target: '', "
    "gen_prefix: 'So'}\n",
    "written_samples": CHOICE
    + "num_fewshot: 2\nfewshot_config: {sampler: first_n, samples: [{question: one?, choices: "
    "[u, v], label: 1}, "
    "{question: two?, choices: [u, v], label: 0}, {question: three?, choices: [u, v], label: "
    "1}]}\n",
    "samples_function": CHOICE
    + "num_fewshot: 3\nfewshot_config: {sampler: default, samples: !function own.samples}\n",
    "winogrande_like": "output_type: multiple_choice\ndoc_to_text: !function own.which\n"
    "doc_to_target: !function own.after_blank\n"
    "doc_to_choice: !function own.blank\nnum_fewshot: 2\n",
    "winogrande_templates": "output_type: multiple_choice\n"
    "doc_to_text: \"{{{'1': 0, '2': 1}[number]}}\"\n"
    "doc_to_target: \"{{sentence.split('_')[1].strip()}}\"\n"
    "doc_to_choice: \"{{[sentence.split('_')[0] + options[0], sentence.split('_')[0] + "
    'options[1]]}}"\n'
    "gen_prefix: Because\nnum_fewshot: 1\nmetric_list: [{metric: acc_mutual_info, aggregation: "
    "mean, higher_is_better: true}]\n",
    "generation": GENERATE,
    "generation_5shot": GENERATE + "num_fewshot: 5\ngeneration_kwargs: {until: ['Q:', \"\\n"
    '"], max_gen_toks: 40, do_sample: false}\n',
    "generation_sampled": GENERATE
    + "repeats: 3\ngeneration_kwargs: {temperature: 0.7, do_sample: true, top_p: 0.9}\n",
    "generation_prefixed": GENERATE
    + "gen_prefix: 'It is'\nnum_fewshot: 2\nfewshot_delimiter: \"\\n\"\n",
    "generation_several": GENERATE.replace("answer", "aliases") + "num_fewshot: 2\n",
    "generation_functions": "doc_to_text: !function own.text\n"
    "doc_to_target: !function own.targets\nnum_fewshot: 2\n",
    "generation_choices": GENERATE.replace("answer", "label")
    + "doc_to_choice: choices\nnum_fewshot: 2\n",
    "replaced": GENERATE.replace("{{question}}", '{{question|regex_replace("[aeiou]", "*")}}\\n\\n')
    + "num_fewshot: 1\n",
    "last_word": "output_type: loglikelihood\ndoc_to_text: \"{{passage.split(' ')[:-1]|join(' "
    "')}}\"\n"
    "doc_to_target: \"{{' ' + passage.split(' ')[-1]}}\"\n",
    "last_word_shots": "output_type: loglikelihood\ndoc_to_text: passage\n"
    "doc_to_target: '{{\" \" + answer}}'\nnum_fewshot: 2\n",
    "rolling": "output_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: passage\n",
    "rolling_page": "output_type: loglikelihood_rolling\ndoc_to_text: ''\n"
    "doc_to_target: '{{passage|upper}}'\nnum_fewshot: 0\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The task files, written."""
    root = tmp_path_factory.mktemp("tasks")
    (root / "own.py").write_text(MODULE, encoding="utf-8")
    for name, keys in TASKS.items():
        split_keys = [
            line
            for line in SPLIT_KEYS.splitlines()
            if "_split: " not in keys or "test_split" not in keys
        ]
        if "test_split:" in keys or "validation_split:" in keys:
            split_keys = []
        given = {line.partition(":")[0] for line in keys.splitlines()}
        shared = "".join(line + "\n" for line in split_keys if line.partition(":")[0] not in given)
        (root / f"{name}.yaml").write_text(
            f"task: {name}\ndataset_path: made_up\n{shared}{keys}", encoding="utf-8"
        )
    return root


@pytest.mark.parametrize("name", TASKS)
def test_made_up_tasks(folder, name):
    assert compare(folder / f"{name}.yaml", SPLITS) >= 6 * 7


@pytest.mark.parametrize(
    "name", ["choice_3shot", "choice_fewshot_test", "generation_5shot", "winogrande_like"]
)
@pytest.mark.parametrize("limit", [1, 3])
def test_a_limit(folder, name, limit):
    assert compare(folder / f"{name}.yaml", SPLITS, limit=limit) > 0


@pytest.mark.parametrize(
    ("name", "configured"),
    [("choice", 2), ("choice_3shot", 1), ("rolling_page", 3), ("generation_5shot", 0)],
)
def test_another_number_of_examples(folder, name, configured):
    assert compare(folder / f"{name}.yaml", SPLITS, num_fewshot=configured) > 0


@needs_data
@pytest.mark.parametrize("file", REAL)
def test_files_of_the_package_over_real_data(file):
    documents, num_fewshot = REAL[file]
    assert compare(file, documents(), limit=6, num_fewshot=num_fewshot) > 0
