"""Names in the results: readable, safe as file names, different for different data."""

from snakeval.sources import naming


def test_ids_read_well():
    assert naming.dataset_id("hf:cais/mmlu") == "cais--mmlu"
    assert naming.dataset_id("cais/mmlu") == "cais--mmlu"
    assert naming.dataset_id("generator:boolean") == "generator+boolean"
    assert naming.dataset_id("path:data/mmlu/{split}/{name}.csv").startswith("mmlu@")
    assert naming.dataset_id("hf:Rowan/hellaswag").startswith("Rowan--hellaswag@")
    assert naming.subset_id("high_school_physics", {}) == "high_school_physics"
    assert naming.subset_id(None, {}) == "default"
    assert naming.split_id("test") == "test"
    assert naming.split_id("train_sft") == "train_sft"


def test_ids_never_collide_and_are_file_names():
    paths = [
        "a/b",
        "a--b",
        "A/b",
        "a/B",
        "a-/-b",
        "path:a/b",
        "path:a--b",
        "modelscope:a/b",
        "generator:a",
        "hf:generator+a",
        "a",
        "a/b/c",
        "ä/b",
    ]
    dataset_ids = [
        naming.dataset_id(path, revision, options)
        for path in paths
        for revision in (None, "main")
        for options in (None, {"field": "x"})
    ]
    names = [
        None,
        "default",
        "Default",
        "a b",
        "a-b",
        "a_b",
        "a/b",
        "",
        "../x",
        "." * 3,
        "x" * 300,
        "x" * 301,
        "日本",
    ]
    subset_ids = [
        naming.subset_id(name, kwargs)
        for name in names
        for kwargs in ({}, {"data_dir": "x"}, {"data_dir": "y"})
    ]
    split_ids = [
        naming.split_id(split)
        for split in ["test", "Test", "train[:10]", "train[:10%]", "../x", "a/b"]
    ]
    for ids in (dataset_ids, subset_ids, split_ids):
        assert len({name.lower() for name in ids}) == len(ids)
        for name in ids:
            assert (
                "/" not in name
                and name not in (".", "..")
                and not name.startswith((".", "-"))
                and len(name.encode()) <= 120
            )
