"""Functions of the task files in this folder."""

from lm_eval.api.filter import Filter


def results(doc, results):
    likelihoods = [ll for ll, _ in results]
    return {
        "margin": max(likelihoods) - min(likelihoods),
        "acc": float(likelihoods.index(max(likelihoods)) == int(doc["answer"])),
    }


class Last(Filter):
    def apply(self, resps, docs):
        return [[(text.split() or ["[invalid]"])[-1] for text in texts] for texts in resps]


def first_words(resps, docs):
    return [" ".join(texts[0].split()[:1]) for texts in resps]


def joined(resps, docs):
    return [" ".join(tags[0]) for tags in resps]


def overlap(references, predictions, **_):
    own, theirs = set(predictions[0].split()), set(references[0].split())
    return len(own & theirs) / max(len(own | theirs), 1)


def lengths(references, predictions, **_):
    return len(predictions[0])


def longest(items):
    return max(items)
