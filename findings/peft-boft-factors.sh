#!/usr/bin/env bash
# peft 0.21.2. boft_n_butterfly_factor says how many rotations BOFT multiplies. Where PEFT's CUDA extension cannot be
# compiled, which is wherever there is no nvcc, it makes one, whatever was asked for, with a warning; the configuration
# that it saves keeps the number that was asked for. So the file's tensors and its configuration contradict each other,
# and only the tensors are right.
# Source: BOFTLayer.update_layer sets boft_n_butterfly_factor to 1 where get_fbd_cuda() is None.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet "peft==0.21.2" "torch==2.15.0" "numpy==2.4.6" "safetensors==0.8.0"
CUDA_HOME= venv/bin/python - 2> /dev/null <<'P'
import json
import torch
from peft import BOFTConfig, get_peft_model
from safetensors.torch import load_file

config = BOFTConfig(target_modules=["0"], boft_block_size=2, boft_n_butterfly_factor=3)
get_peft_model(torch.nn.Sequential(torch.nn.Linear(16, 16)), config).save_pretrained("saved")
(rotations,) = (tensor for name, tensor in load_file("saved/adapter_model.safetensors").items() if "boft_R" in name)
said = json.load(open("saved/adapter_config.json"))["boft_n_butterfly_factor"]
print(f"adapter_config.json says {said} rotations, the file has {rotations.shape[0]}")
assert (said, rotations.shape[0]) == (3, 1)
P
