"""Compiles every kernel that the operators launch for an H100, without one: run as a script by test_compile.py.

Prints a JSON line a kernel: its name, the dtype of its first argument and the shared memory it needs.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from triton import compile as compile_kernel
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

from kernels.biased_attention.triton import biased_attention
from kernels.deform_conv.triton import deform_conv
from kernels.deform_conv.window import Window
from kernels.memory_attention.triton import pool_tokens
from kernels.selective_scan.triton import selective_scan
from kernels.token_merge.triton import best_match

TARGET = GPUTarget("cuda", 90, 32)
NAMES = {
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.int64: "*i64",
}

DONE: set[str] = set()


def compile_instead(self: JITFunction[Any], *args: Any, **kwargs: Any) -> None:
    """Takes the place of a launch: the same arguments, but the kernel is only compiled."""
    options = {key: kwargs.pop(key) for key in ("num_warps", "num_stages") if key in kwargs}
    values = dict(zip(self.arg_names, args, strict=False)) | kwargs
    signature, constants = {}, {}
    for parameter in self.params:
        value = values[parameter.name]
        if parameter.is_constexpr:
            signature[parameter.name], constants[parameter.name] = "constexpr", value
        elif isinstance(value, torch.Tensor):
            signature[parameter.name] = NAMES[value.dtype]
        else:
            signature[parameter.name] = "fp32" if isinstance(value, float) else "i32"
    key = str([self, signature, constants])
    if key in DONE:
        return
    DONE.add(key)
    built = compile_kernel(ASTSource(self, signature, constants), target=TARGET, options=options)
    print(json.dumps([self.fn.__qualname__, self.fn.__module__, str(args[0].dtype), built.metadata.shared]))


def launch_all(dtype: torch.dtype) -> None:
    """Every operator at the sizes of the models that use it, forward and backward."""
    for heads, d, num_k in ((1, 256, 132), (2, 64, 100)):
        q, k, v = (torch.zeros(1, heads, n, d, dtype=dtype).requires_grad_() for n in (256, num_k, num_k))
        biased_attention(q, k, v, torch.zeros(num_k)).sum().backward()
    pool_tokens(torch.zeros(1, 1, 2, 16, 16, 256, dtype=dtype, requires_grad=True), 2).sum().backward()
    best_match(torch.zeros(1, 197, 64), 1)
    u, delta = (torch.zeros(1, 8, 512, dtype=dtype).requires_grad_() for _ in range(2))
    b, c = (torch.zeros(1, 1, 16, 512, dtype=dtype).requires_grad_() for _ in range(2))
    selective_scan(u, delta, torch.zeros(8, 16), b, c, torch.zeros(1, 8, 16))[0].sum().backward()
    x = torch.zeros(1, 256, 60, 108, dtype=dtype, requires_grad=True)
    offset, mask = (torch.zeros(1, 144 * n, 60, 108, dtype=dtype).requires_grad_() for n in (2, 1))
    weight = torch.zeros(128, 256, 3, 3, dtype=dtype, requires_grad=True)
    deform_conv(x, offset, weight, mask, Window(padding=(1, 1))).sum().backward()
    deform_conv(x, offset, weight, None, Window(padding=(1, 1))).sum().backward()


def main() -> None:
    JITFunction.run = compile_instead  # type: ignore[method-assign]  # CPU tensors stand in for a GPU's
    for dtype in (torch.float32, torch.bfloat16):
        launch_all(dtype)


if __name__ == "__main__":
    main()
