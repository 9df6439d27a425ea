"""Compare metrics and filters with independent implementations over real records.

    SNAKEVAL_DATA=folder python benchmarks/metric_references.py [--write] [part …]

Prints the table of docs/explanation/metrics.md; `--write` puts it there. Texts are those of public
data sets; log-likelihoods are drawn at random with a fixed seed. Where no package has a metric, its
definition is written out once more, without shortcuts. METEOR needs a WordNet (Debian's
wordnet-base, or WNSEARCHDIR), the rest the development dependencies.
"""

import argparse
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import page

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from references import answers, choices, filters, likelihoods, texts
from references.records import Row

PARTS: dict[str, Callable[[random.Random], Iterator[Row]]] = {
    part.__name__: part
    for part in (
        *(choices.choices, choices.classes, likelihoods.texts, likelihoods.targets),
        *(answers.numbers, answers.samples, answers.mathematics, answers.questions),
        *(answers.contrasts, texts.translations, texts.summaries, texts.surfaces),
        *(texts.synonyms, texts.embeddings, filters.filtered),
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; left out: all")
    parser.add_argument("--write", action="store_true", help="write docs/explanation/metrics.md")
    options = parser.parse_args()
    lines = ["| metric | compared with | records | largest difference |", "|---|---|---:|---:|"]
    print("\n".join(lines))
    for name in options.parts or PARTS:
        for metric, reference, records, difference in PARTS[name](random.Random(0)):
            lines.append(f"| {metric} | {reference} | {records} | {difference:.1g} |")
            print(lines[-1], flush=True)
    if options.write:
        page.write("metrics.md", "benchmarks/metric_references.py --write", "\n".join(lines))


if __name__ == "__main__":
    main()
