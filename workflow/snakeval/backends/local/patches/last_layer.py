"""The last layer only where it is read.

A token's hidden state after the last layer serves one purpose: to predict what follows. Few tokens are scored; of the others only keys and
values count, which the last layer has to give for all. So its feed-forward block, its queries and its output projection, which are most of
its work, run on the tokens that are read alone; what stands in the other rows is never looked at. Headers, of which nothing is read, run it
on a single token.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch

BY_TOKEN = {
    "mlp",
    "feed_forward",
    "block_sparse_moe",
    "fc1",
    "fc2",
    "q_proj",
    "o_proj",
    "out_proj",
    "dense",
}  # what transformers calls them

_rows: ContextVar[torch.Tensor | None] = ContextVar("rows", default=None)


@contextmanager
def read(rows: torch.Tensor | None) -> Iterator[None]:
    """Forward passes inside compute the last layer's output for these rows only, or for all where `rows` is None."""
    token = _rows.set(rows)
    try:
        yield
    finally:
        _rows.reset(token)


def replacements(model: Any) -> list[tuple[torch.nn.Module, Callable]]:
    """The modules of a model's last layer that work token by token, with their other forward; none where the layers are not found."""
    depth = model.config.get_text_config().num_hidden_layers
    stacks = [
        module
        for module in model.base_model.modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == depth
    ]
    if not stacks:
        return []
    found: list[tuple[str, torch.nn.Module]] = []
    for name, module in stacks[0][-1].named_modules():
        inside = any(name.startswith(f"{outer}.") for outer, _ in found)
        if name.rpartition(".")[2] in BY_TOKEN and not inside and "forward" not in vars(module):
            found.append((name, module))
    return [
        (module, _where_read(module))
        for _, module in found
        if len(inspect.signature(module.forward).parameters) == 1
    ]


def _where_read(module: torch.nn.Module) -> Callable:
    own = module.forward

    def forward(hidden: torch.Tensor) -> Any:
        rows = _rows.get()
        if rows is None:
            return own(hidden)
        rows = rows.to(hidden.device)
        result = own(hidden.index_select(-2, rows))
        if isinstance(result, tuple):  # a mixture of experts may give its router's scores, too
            return _spread(result[0], rows, hidden), *result[1:]
        return _spread(result, rows, hidden)

    return forward


def _spread(result: torch.Tensor, rows: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """`result` at its rows, zeros elsewhere; a mixture of experts may have laid all rows of the batch side by side."""
    result = result.reshape(*like.shape[:-2], len(rows), -1)
    return result.new_zeros(*like.shape[:-1], result.shape[-1]).index_copy_(-2, rows, result)
