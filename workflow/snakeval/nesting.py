"""YAML that is nested without end: the parser in C, which recurses, ends the process there."""

import yaml

DEEPEST = 100


def refuse_deep(text: str) -> None:
    """Raise yaml.YAMLError where lists and mappings lie more than DEEPEST deep in each other, or sometimes for bad syntax before that."""
    if sum(map(text.count, "[{-:?")) <= DEEPEST:  # each list or mapping takes one of these; thousands of task files are read
        return
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"nested more than {DEEPEST} deep", problem_mark=event.start_mark)  # type: ignore[arg-type]
