#!/usr/bin/env bash
# lycoris-lora 3.4.0. merge_to() of LoHa and LoKr multiplies by alpha / rank twice, the forward once: a network that was
# trained with alpha other than the rank draws something else once it is merged. LoCon's merge is right.
# Source: get_weight() has the scale in it already, get_diff_weight() multiplies by it again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet "lycoris-lora==3.4.0" "torch==2.15.0" "numpy==2.4.6" "safetensors==0.8.0"
venv/bin/python - > seen 2> /dev/null <<'P'
import torch
from lycoris import create_lycoris

ratios = {}
for algo in ("lora", "loha", "lokr"):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(32, 32, bias=False))
    before = network[0].weight.detach().clone()
    adapter = create_lycoris(network, 1.0, linear_dim=2, linear_alpha=3, algo=algo, factor=2)
    adapter.apply_to()
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
        forward = network(torch.eye(32)).T - before
        adapter.restore()
        adapter.merge_to(1.0)
        merged = network[0].weight - before
        ratios[algo] = round(float(merged.norm() / forward.norm()), 3)
print("SEEN", ratios)
assert ratios == {"lora": 1.0, "loha": 1.5, "lokr": 1.5}, ratios
P
sed -n 's/SEEN/merged change over that of the forward, at alpha 3 and rank 2:/p' seen
