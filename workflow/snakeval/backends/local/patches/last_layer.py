"""The last layer only where it is read.

A token's hidden state after the last layer only predicts the next token, and few tokens are scored.
Of the others only keys and values count, which the last layer has to give for all tokens. So its
feed-forward block, its queries and its output projection, which are most of its work, run only on
the tokens that are read. The other rows are never read. Headers, of which nothing is read, run it
on a single token.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch

BY_TOKEN = {  # names in transformers of modules that work token by token
    *("mlp", "feed_forward", "block_sparse_moe", "fc1", "fc2"),
    *("q_proj", "o_proj", "out_proj", "dense"),
}

_rows: ContextVar[torch.Tensor | None] = ContextVar("rows", default=None)


@contextmanager
def read(rows: torch.Tensor | None) -> Iterator[None]:
    """Inside, forward passes compute the last layer's output for these rows only.

    `rows` None: for all rows.
    """
    token = _rows.set(rows)
    try:
        yield
    finally:
        _rows.reset(token)


def replacements(model: Any) -> list[tuple[torch.nn.Module, Callable]]:
    """The modules of a model's last layer that work token by token, with their other forward.

    None where the layers are not found.
    """
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
    """`result` at its rows, zeros elsewhere.

    A mixture of experts may put all rows of the batch into one dimension.
    """
    result = result.reshape(*like.shape[:-2], len(rows), -1)
    return result.new_zeros(*like.shape[:-1], result.shape[-1]).index_copy_(-2, rows, result)
