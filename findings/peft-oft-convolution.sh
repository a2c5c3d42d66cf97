#!/usr/bin/env bash
# peft 0.21.2. A fresh OFT adapter rotates by nothing, so the network should compute what it did before. On a Linear and
# on a 1x1 convolution it does. On a 3x3 convolution it does not: the output changes at once, and it is not what merging
# the same adapter gives.
# Source: OFTRotationModule.forward unfolds the input's windows, rotates them, and folds them back, which adds up the
# windows that overlap; merge() rotates the weight instead.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet "peft==0.21.2" "torch==2.15.0" "numpy==2.4.6"
venv/bin/python - 2> /dev/null <<'P'
import torch
from peft import OFTConfig, get_peft_model


def changes(layer, inputs):
    torch.manual_seed(0)
    network = torch.nn.Sequential(layer)
    with torch.no_grad():
        before = network(inputs).clone()
        adapted = get_peft_model(network, OFTConfig(target_modules=["0"], oft_block_size=4, r=0))
        fresh = adapted(inputs)
        merged = adapted.merge_and_unload()(inputs)
    off = lambda after: float((after - before).norm() / before.norm())
    return round(off(fresh), 3), round(off(merged), 3)


picture = torch.randn(1, 8, 6, 6, generator=torch.Generator().manual_seed(1))
seen = {
    "Linear": changes(torch.nn.Linear(8, 8), torch.randn(5, 8, generator=torch.Generator().manual_seed(1))),
    "1x1 convolution": changes(torch.nn.Conv2d(8, 8, 1), picture),
    "3x3 convolution": changes(torch.nn.Conv2d(8, 8, 3, padding=1), picture),
}
for name, (fresh, merged) in seen.items():
    print(f"{name}: a fresh adapter changes the output by {fresh:.1%}, merged by {merged:.1%}")
assert seen["Linear"] == seen["1x1 convolution"] == (0.0, 0.0), seen
assert seen["3x3 convolution"][0] > 0.5 and seen["3x3 convolution"][1] == 0.0, seen
P
