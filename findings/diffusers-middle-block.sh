#!/usr/bin/env bash
# diffusers 0.42.1. UNet2DConditionModel hands mid_block_only_cross_attention (and, where that is not given, a single
# only_cross_attention) on to its middle block, but the usual one, UNetMidBlock2DCrossAttn, is built without it: its
# attn1 stays self-attention, while that of the other blocks changes. A loader that refuses or honours the setting there
# is wrong.
# Source: get_mid_block passes mid_block_only_cross_attention to UNetMidBlock2DSimpleCrossAttn alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet "diffusers==0.42.1" "torch==2.15.0" "numpy==2.4.6"
venv/bin/python - 2> /dev/null <<'P'
from diffusers import UNet2DConditionModel

WIDTH, CONTEXT = 8, 6
for setting in ("only_cross_attention", "mid_block_only_cross_attention"):
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=1, out_channels=1, block_out_channels=[WIDTH], layers_per_block=1, norm_num_groups=4,
        down_block_types=["CrossAttnDownBlock2D"], up_block_types=["CrossAttnUpBlock2D"], attention_head_dim=2,
        cross_attention_dim=CONTEXT, **{setting: True},
    )
    columns = {name.split(".")[0]: value.shape[1] for name, value in unet.named_parameters() if "attn1.to_k" in name}
    print(setting, "-> columns of attn1.to_k:", columns)
    others = CONTEXT if setting == "only_cross_attention" else WIDTH
    assert columns == {"down_blocks": others, "up_blocks": others, "mid_block": WIDTH}, columns
P
