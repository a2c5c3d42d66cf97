#!/usr/bin/env bash
# diffusers 0.42.1, peft 0.21.2. cross_attention_kwargs={"scale": s} scales the adapters for one forward. With s = 0.7
# the strength that set_adapters() chose is there again afterwards; with s = 0, a common way to see the base for once,
# it is 1 from then on.
# Source: unscale_lora_layers divides by the weight again, and cannot for 0: it calls the layer's set_scale(adapter,
# 1.0).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet "diffusers==0.42.1" "peft==0.21.2" "torch==2.15.0" "numpy==2.4.6" "safetensors==0.8.0"
venv/bin/python - 2> /dev/null <<'P'
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig


def unet():
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8, in_channels=1, out_channels=1, block_out_channels=[8], layers_per_block=1, norm_num_groups=4,
        down_block_types=["CrossAttnDownBlock2D"], up_block_types=["CrossAttnUpBlock2D"], attention_head_dim=2,
        cross_attention_dim=6,
    )


model = unet()
model.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["to_q"], init_lora_weights=False))
seen = {}
for scale in (0.7, 0.0):
    model.set_adapters(["default"], [0.5])
    with torch.no_grad():
        model(torch.zeros(1, 1, 8, 8), 5, torch.zeros(1, 3, 6), cross_attention_kwargs={"scale": scale})
    layers = [module for module in model.modules() if hasattr(module, "scaling")]
    (seen[scale],) = {strength for layer in layers for strength in layer.scaling.values()}
    print(f"strength 0.5, one forward with scale {scale}, then: {seen[scale]}")
assert seen == {0.7: 0.5, 0.0: 1.0}, seen
P
