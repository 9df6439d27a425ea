"""Settings of what is downloaded, from plain values."""

from pydantic import TypeAdapter

from snakeval.sources.stage import DatasetSettings, ModelSettings


def of_model(**values) -> ModelSettings:
    """What the list of a model's files depends on."""
    return ModelSettings(**values)


def of_dataset(**values) -> DatasetSettings:
    """What the documents of a data set depend on; `subsets` are plain mappings."""
    return TypeAdapter(DatasetSettings).validate_python(values)
