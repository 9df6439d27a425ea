"""Where each file of a run is: every path under `results/` is written here, for rules and jobs.

A name may be a wildcard of Snakemake: `Layout("results").requests("{benchmark}")` is
`results/requests/{benchmark}.parquet`.
"""

from dataclasses import dataclass

SCORES_OF_A_RUN = "tables/scores.parquet"  # marks a folder as the results of a run that has ended


@dataclass(frozen=True)
class Layout:
    """The files of the run in the folder `results`, as texts, as Snakemake knows them."""

    results: str

    def settings(self, stage: str, job: str = "") -> str:
        """What the jobs of a stage, or the one job of that name, depend on besides data."""
        return f"{self.results}/settings/{stage}{f'/{job}' if job else ''}.json"

    def log(self, stage: str, *names: str) -> str:
        """What a job printed."""
        return f"{self.results}/logs/{'/'.join([stage, *names])}.log"

    def dataset(self, dataset: str) -> str:
        """Folder of a data set's documents as published: `{subset}/{split}.parquet`."""
        return f"{self.results}/datasets/{dataset}"

    def dataset_index(self, dataset: str) -> str:
        """The list of a data set's files."""
        return f"{self.results}/index/datasets/{dataset}.parquet"

    def requests(self, benchmark: str) -> str:
        """The requests of a benchmark."""
        return f"{self.results}/requests/{benchmark}.parquet"

    def requests_index(self) -> str:
        """The list of all benchmarks' requests."""
        return f"{self.results}/index/requests.parquet"

    def check_tasks(self) -> str:
        """What is wrong with documents or their scoring."""
        return f"{self.results}/index/check_tasks.parquet"

    def model(self, model: str) -> str:
        """The list of a model's files."""
        return f"{self.results}/models/{model}.parquet"

    def of_model(self, stage: str, model: str) -> str:
        """Folder of a stage's files of a model, one per benchmark."""
        return f"{self.results}/{stage}/{model}"

    def index(self, stage: str, model: str) -> str:
        """The list of a stage's files of a model; of preflight, forecast, numerics the table."""
        return f"{self.results}/index/{stage}/{model}.parquet"

    def calls(self, model: str, shard: str) -> str:
        """Folder of what one shard of a model asked, one file per benchmark."""
        return f"{self.results}/calls/{model}/{shard}"

    def calls_index(self, model: str, shard: str) -> str:
        """The list of these files."""
        return f"{self.results}/index/calls/{model}/{shard}.parquet"

    def store(self) -> str:
        """Folder of all outputs that models gave."""
        return f"{self.results}/store"

    def table(self, name: str) -> str:
        """A table of the run."""
        return f"{self.results}/tables/{name}.parquet"

    def text(self, name: str) -> str:
        """A table of the run as Markdown."""
        return f"{self.results}/tables/{name}.md"

    def export(self) -> str:
        """Folder of the tables as papers print them."""
        return f"{self.results}/tables/export"

    def page(self) -> str:
        """The report."""
        return f"{self.results}/report/index.html"

    def sums(self) -> str:
        """Checksums of what is no table, for `verify`."""
        return f"{self.results}/report/SHA256SUMS"

    def bundle(self) -> str:
        """Folder of a bundle."""
        return f"{self.results}/bundle"
