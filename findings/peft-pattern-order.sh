#!/usr/bin/env bash
# peft 0.21.2. Of alpha_pattern and rank_pattern the first key that matches a layer counts, in the order in which they
# were written. save_pretrained() writes the configuration with sorted keys, so where two keys match one layer, another
# one may come first after loading: alphas change in silence, ranks so that the adapter's own weights no longer fit.
# Source: get_pattern_key takes the first match; PeftConfigMixin.save_pretrained writes json.dumps(..., sort_keys=True).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet "diffusers==0.42.1" "peft==0.21.2" "torch==2.15.0" "numpy==2.4.6" "safetensors==0.8.0"
venv/bin/python - 2> /dev/null <<'P'
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig, PeftModel, get_peft_model

LAYER = "base_model.model.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"


def unet():
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8, in_channels=1, out_channels=1, block_out_channels=[8], layers_per_block=1, norm_num_groups=4,
        down_block_types=["CrossAttnDownBlock2D"], up_block_types=["CrossAttnUpBlock2D"], attention_head_dim=2,
        cross_attention_dim=6,
    )


def adapted(**patterns):
    config = LoraConfig(r=2, lora_alpha=2, target_modules=["to_q"], init_lora_weights=False, **patterns)
    return get_peft_model(unet(), config)


made = adapted(alpha_pattern={"mid_block.*to_q": 8, "attn1.to_q": 4})
made.save_pretrained("alphas")
loaded = PeftModel.from_pretrained(unet(), "alphas")
before, after = (model.get_submodule(LAYER).scaling["default"] for model in (made, loaded))
print("alpha_pattern: scaling of the middle block's query when made:", before, "when loaded:", after)
assert (before, after) == (4.0, 2.0)

adapted(rank_pattern={"mid_block.*to_q": 4, "attn1.to_q": 3}).save_pretrained("ranks")
try:
    PeftModel.from_pretrained(unet(), "ranks")
    raise SystemExit("rank_pattern: loaded, which it did not")
except RuntimeError as error:
    print("rank_pattern:", next(line.strip() for line in str(error).splitlines() if "size mismatch" in line))
P
