"""The real lm_eval package over our documents, and its requests compared with snakeval's."""

import json
from pathlib import Path

import datasets
import pyarrow as pa
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml

from snakeval.prompts import turns
from snakeval.requests.build import build_requests
from snakeval.tasks import loader, resolution

SEED = 1234


def reference(
    path: Path, rows: dict[str, list[dict]], num_fewshot: int | None, **keys
) -> ConfigurableTask:
    """The real package's task over these documents; `keys` replace its own."""
    config = load_yaml(path) | keys
    for key in ("tag", "group", "dataset_kwargs"):
        config.pop(key, None)
    if (config.get("fewshot_config") or {}).get("sampler") == "lm_eval":
        config["fewshot_config"]["sampler"] = "default"
    data = {split: datasets.Dataset.from_list(documents) for split, documents in rows.items()}
    task = ConfigurableTask(config={**config, "custom_dataset": lambda **_: data})
    if num_fewshot is not None and task.config.num_fewshot != 0:
        task.set_config("num_fewshot", num_fewshot)
    return task


def compare(
    path: Path | str,
    rows: dict[str, list[dict]],
    *,
    limit: int | None = None,
    num_fewshot: int | None = None,
) -> int:
    """Compare every request in every style. Returns how many were compared."""
    name = str(path)
    task = reference(loader.locate(name), rows, num_fewshot)
    (ours,) = resolution.resolve({"name": name, "num_fewshot": num_fewshot}, []).tasks
    tables = {split: pa.Table.from_pylist(documents) for split, documents in rows.items()}
    built = build_requests(ours.request_settings(), tables, limit=limit, seed=SEED).to_pylist()
    compared = 0
    for system in (None, "Be exact."):
        for chat, multiturn in ((False, False), (True, True), (True, False)):
            task.set_fewshot_seed(SEED)
            task.build_all_requests(
                limit=limit,
                system_instruction=system,
                apply_chat_template=chat,
                fewshot_as_multiturn=multiturn,
                chat_template=_chat_template if chat else None,
            )
            compared += _compare_requests(task, built, system, chat, multiturn)
    _compare_answers(task, built)
    return compared


def _chat_template(messages: list[dict], add_generation_prompt: bool) -> str:
    return json.dumps([messages, add_generation_prompt])


def _compare_requests(
    task: ConfigurableTask, built: list[dict], system: str | None, chat: bool, multiturn: bool
) -> int:
    instances: dict[int, list] = {}
    for instance in task.instances:
        instances.setdefault(instance.doc_id, []).append(instance)
    assert sorted(instances) == [row["doc_id"] for row in built]
    for row in built:
        theirs = [
            instance.args
            for instance in sorted(instances[row["doc_id"]], key=lambda instance: instance.idx)
        ]
        if chat:
            contexts = [
                _chat_template(chat_turns, chat_turns[-1]["role"] == "user")
                for chat_turns in turns.messages(row, system, multiturn)
            ]
        else:
            contexts = turns.plain(row, system_prompt=system)
        if row["kind"] == "loglikelihood_rolling":
            assert theirs == [(part["text"],) for part in row["continuations"]]
        elif row["kind"] == "generate_until":
            assert [args[0] for args in theirs] == contexts
            _compare_generation(theirs[0][1], row["generation"], task)
        else:
            delimiter = row["chat_target_delimiter"] if chat else row["target_delimiter"]
            ours = [
                (
                    "" if part["question"] < 0 else contexts[part["question"]],
                    delimiter + part["text"],
                )
                for part in row["continuations"]
            ]
            assert theirs == ours
    return len(task.instances)


def _compare_generation(theirs: dict, ours: dict, task: ConfigurableTask) -> None:
    until = theirs["until"]
    assert ours["until"] == ([until] if isinstance(until, str) else until)
    assert ours["max_new_tokens"] == theirs.get("max_gen_toks", 256)
    assert ours["do_sample"] == theirs.get("do_sample", theirs.get("temperature", 0) > 0)
    assert ours["samples"] == task.config.repeats
    if ours["do_sample"]:
        assert ours["temperature"] == theirs.get("temperature", 1.0)
        assert ours["top_p"] == theirs.get("top_p", 1.0)


def _compare_answers(task: ConfigurableTask, built: list[dict]) -> None:
    """Compare the right answers with the package's."""
    for row, doc in zip(built, task.eval_docs, strict=False):
        target = task.doc_to_target(doc)
        if row["kind"] == "multiple_choice":
            choices = task.doc_to_choice(doc)
            assert row["choices"] == choices
            gold = task.doc_to_text(doc) if task.multiple_input else target
            if not task.config.process_results:
                right = gold if isinstance(gold, list) else [gold]
                assert row["gold"] == [
                    (choices.index(g) if g in choices else -100) if isinstance(g, str) else g
                    for g in right
                ]
        elif row["kind"] == "generate_until" and not task.config.process_results:
            if task.config.doc_to_choice is not None:
                target = task.doc_to_choice(doc)[target]
            assert row["references"] == (
                [str(t) for t in target] if isinstance(target, list) else [str(target)]
            )
