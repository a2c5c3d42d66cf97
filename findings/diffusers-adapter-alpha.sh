#!/usr/bin/env bash
# diffusers 0.42.1, peft 0.21.2. load_lora_adapter() reads adapter_model.safetensors from a folder that PEFT saved, but
# not the adapter_config.json beside it. Without alphas in the weights' own metadata (PEFT writes none) it takes alpha =
# rank: an adapter of rank 2 and alpha 8 is applied at a quarter of its strength, without a word.
# Source: load_lora_adapter takes alphas from "network_alphas" or the metadata key "lora_adapter_metadata" only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet "diffusers==0.42.1" "peft==0.21.2" "torch==2.15.0" "numpy==2.4.6" "safetensors==0.8.0"
venv/bin/python - 2> /dev/null <<'P'
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig, get_peft_model


def unet():
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8, in_channels=1, out_channels=1, block_out_channels=[8], layers_per_block=1, norm_num_groups=4,
        down_block_types=["CrossAttnDownBlock2D"], up_block_types=["CrossAttnUpBlock2D"], attention_head_dim=2,
        cross_attention_dim=6,
    )


adapted = get_peft_model(unet(), LoraConfig(r=2, lora_alpha=8, target_modules=["to_q"], init_lora_weights=False))
adapted.save_pretrained("adapter")
loaded = unet()
loaded.load_lora_adapter("adapter", weight_name="adapter_model.safetensors", prefix="base_model.model")


def scalings(model):
    return {value for module in model.modules() if hasattr(module, "scaling") for value in module.scaling.values()}


print("scaling in PEFT:", scalings(adapted), "in diffusers:", scalings(loaded))
assert scalings(adapted) == {4.0} and scalings(loaded) == {1.0}
P
