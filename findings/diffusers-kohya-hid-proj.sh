#!/usr/bin/env bash
# diffusers 0.42.1, peft 0.21.2. A kohya file may hold factors for any Linear of the UNet, with the dots of the path
# written as underscores. The converter knows which underscores of attention and feed-forward are not dots; those of
# encoder_hid_proj, the projection of the prompt, it does not: they become "encoder.hid.proj", which no layer is called,
# and loading goes on without them.
# Source: _convert_unet_lora_key in diffusers/loaders/lora_conversion_utils.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet "diffusers==0.42.1" "peft==0.21.2" "torch==2.15.0" "numpy==2.4.6" "safetensors==0.8.0"
venv/bin/python - 2> /dev/null <<'P'
import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.lora_conversion_utils import _convert_non_diffusers_lora_to_diffusers

QUERY = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
unet = UNet2DConditionModel(
    sample_size=8, in_channels=1, out_channels=1, block_out_channels=[8], layers_per_block=1, norm_num_groups=4,
    down_block_types=["CrossAttnDownBlock2D"], up_block_types=["CrossAttnUpBlock2D"], attention_head_dim=2,
    cross_attention_dim=6, encoder_hid_dim=5, encoder_hid_dim_type="text_proj",
)
file = {}
for layer in (QUERY, "encoder_hid_proj"):
    outputs, inputs = unet.get_submodule(layer).weight.shape
    name = "lora_unet_" + layer.replace(".", "_")
    file[f"{name}.lora_down.weight"] = torch.ones(2, inputs)
    file[f"{name}.lora_up.weight"] = torch.ones(outputs, 2)
    file[f"{name}.alpha"] = torch.tensor(2.0)
tensors, alphas = _convert_non_diffusers_lora_to_diffusers(file)
print("names made of it:", sorted(tensors))
assert "unet.encoder.hid.proj.lora.down.weight" in tensors, tensors.keys()
unet.load_lora_adapter(tensors, network_alphas=alphas, prefix="unet")
adapted = [name for name, module in unet.named_modules() if hasattr(module, "lora_A")]
print("layers with LoRA after loading:", adapted)
assert adapted == [QUERY], adapted
P
