"""What loaders make of repos: `load.py [guard] CASE=REPO ...` prints one JSON object, CASE -> what came of it,
or the error and its causes.

It runs where transformers, safetensors and numpy are; `guard` puts this process under `modelseal.guard()` first.
"""

import json
import sys
from typing import Any


def config(repo: str) -> str:
    from transformers import AutoConfig  # type: ignore[import-not-found,unused-ignore]

    return str(AutoConfig.from_pretrained(repo).model_type)


def tokens(repo: str) -> list[int]:
    from transformers import AutoTokenizer  # type: ignore[import-not-found,unused-ignore]

    return list(AutoTokenizer.from_pretrained(repo)("hello world")["input_ids"])


def tensors(repo: str) -> int:
    from huggingface_hub import hf_hub_download
    from safetensors.numpy import load_file  # type: ignore[import-not-found,unused-ignore]

    return len(load_file(hf_hub_download(repo, "model.safetensors")))


def code(repo: str) -> str:
    from huggingface_hub import hf_hub_download

    return hf_hub_download(repo, "modeling_evil.py")


def snapshot(repo: str) -> list[str]:
    import os

    from huggingface_hub import snapshot_download

    return sorted(os.listdir(snapshot_download(repo)))


def outcome(case: str, repo: str) -> Any:
    try:
        return {"config": config, "tokens": tokens, "tensors": tensors, "code": code, "snapshot": snapshot}[case](repo)
    except Exception as e:
        chain: list[str] = []
        error: BaseException | None = e
        while error is not None:
            chain.append(f"{type(error).__name__}: {error}")
            error = error.__cause__
        return " <- ".join(chain)


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[0] == "guard":
        import modelseal

        modelseal.guard()
        words.pop(0)
    found = {word: outcome(*word.split("=", 1)) for word in words}
    print(json.dumps(found))
