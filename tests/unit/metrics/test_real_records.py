"""Metrics on real records, compared with other implementations."""

import json

import pytest
from builders.metric_calls import corpus, generation

from snakeval.metrics.registry import AGGREGATIONS


def largest_difference(pairs):
    differences = [abs(a - b) for a, b in pairs]
    assert len(differences) >= 200
    return max(differences)


def test_real_summaries(real_data):
    from rouge_score.rouge_scorer import RougeScorer

    documents = [
        json.loads(line)
        for line in (real_data / "summeval_cnndm" / "summeval.jsonl").read_text().splitlines()
    ]
    pairs = [
        (system["sys_summ"], document["ref_summs"][:2])
        for document in documents[:20]
        for system in document["sys_summs"].values()
    ]
    for name in ("rouge1", "rouge2", "rougeL", "rougeLsum"):
        scorer = RougeScorer([name])
        wanted = [
            max(scorer.score(reference, summary)[name].fmeasure for reference in references)
            for summary, references in pairs
        ]
        assert (
            largest_difference(
                zip((generation(name)(*pair) for pair in pairs), wanted, strict=True)
            )
            == 0
        )


def test_real_translations(real_data):
    import sacrebleu

    folder = real_data / "wmt22" / "ende"
    reference, system = (
        (folder / f"{name}.de").read_text().splitlines()[:200] for name in ("reference", "wmt-best")
    )
    items = list(zip(([r] for r in reference), system, strict=True))
    assert corpus("bleu", items) == pytest.approx(
        sacrebleu.corpus_bleu(system, [reference]).score, abs=1e-9
    )
    assert corpus("chrf", items) == pytest.approx(
        sacrebleu.corpus_chrf(system, [reference]).score, abs=1e-9
    )
    sentences = AGGREGATIONS["bleu"]().of_document(AGGREGATIONS["bleu"]().statistics(items))
    wanted = [sacrebleu.sentence_bleu(s, [r]).score for s, r in zip(system, reference, strict=True)]
    assert largest_difference(zip(sentences, wanted, strict=True)) < 1e-9


def test_real_questions(real_data):
    from lm_eval.tasks.qasper.metrics import f1_abstractive, normalize_answer

    records = [
        record
        for record in json.loads((real_data / "triviaqa_qaeval" / "TQ.json").read_text())
        if not record["improper"]
    ]
    triples = [
        (r[f"answer_{system}"], r["golden_answer"].split("/"))
        for r in records
        for system in ("fid", "gpt35", "chatgpt")
    ]
    wanted = [max(f1_abstractive([answer], [gold]) for gold in golds) for answer, golds in triples]
    assert (
        largest_difference(
            zip((generation("token_f1")(*triple) for triple in triples), wanted, strict=True)
        )
        < 1e-12
    )
    equal = [
        float(any(normalize_answer(answer) == normalize_answer(gold) for gold in golds))
        for answer, golds in triples
    ]
    assert (
        largest_difference(
            zip((generation("squad_match")(*triple) for triple in triples), equal, strict=True)
        )
        == 0
    )
