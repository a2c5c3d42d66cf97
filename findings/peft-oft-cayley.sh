#!/usr/bin/env bash
# peft 0.21.2. OFT makes its rotations of skew-symmetric matrices, by a cut series (use_cayley_neumann, the default) or
# exactly. One would take the first for an approximation of the second. It is one of its inverse: for the same weights
# the two turn in opposite directions, so flipping the setting of a trained adapter undoes what it learnt and more.
# Of num_cayley_neumann_terms, 3 and 4 are the same.
# Source: _cayley_batch adds up 1 + 2Q + 2Q^2 + ..., which is (1 + Q)(1 - Q)^-1, or solves for (1 - Q)(1 + Q)^-1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet "peft==0.21.2" "torch==2.15.0" "numpy==2.4.6"
venv/bin/python - 2> /dev/null <<'P'
import torch
from peft import OFTConfig, get_peft_model


def rotation(**settings):
    layer = torch.nn.Linear(4, 4, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(4))
        config = OFTConfig(target_modules=["0"], oft_block_size=4, r=0, **settings)
        adapted = get_peft_model(torch.nn.Sequential(layer), config)
        rotations = next(module for module in adapted.modules() if type(module).__name__ == "OFTRotationModule")
        rotations.weight.copy_(torch.tensor([[0.05, -0.03, 0.02, 0.04, -0.01, 0.06]]))
        return adapted.merge_and_unload()[0].weight.clone()


series, exact = rotation(use_cayley_neumann=True), rotation(use_cayley_neumann=False)
to_exact, to_inverse = float((series - exact).abs().max()), float((series - exact.T).abs().max())
print(f"the series is {to_exact:.4f} from the exact rotation, {to_inverse:.6f} from its inverse")
assert to_exact > 0.2 and to_inverse < 1e-4, (to_exact, to_inverse)
three, four, five = (rotation(num_cayley_neumann_terms=terms) for terms in (3, 4, 5))
print("3 and 4 terms are equal:", bool((three == four).all()), "- 4 and 5:", bool((four == five).all()))
assert (three == four).all() and not (four == five).all()
P
