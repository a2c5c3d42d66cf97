#!/usr/bin/env bash
# peft 0.21.2. With bias="lora_only" the bias of an adapted layer is saved by the name that it has inside PEFT's wrapper
# ("LAYER.base_layer.bias"). A file that names it as the base does ("LAYER.bias", as the biases of all other layers are
# named, with bias="all") is loaded without an error or a warning, and that bias is left as the base has it.
# Source: peft/tuners/lora/layer.py keeps the layer as base_layer; get_peft_model_state_dict (utils/save_and_load.py) takes
# every key with "bias" in it as it is; set_peft_model_state_dict loads with strict=False.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet "peft==0.21.2" "torch==2.15.0" "numpy==2.4.6" "safetensors==0.8.0"
venv/bin/python - <<'P'
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file


def network():
    torch.manual_seed(0)
    return torch.nn.ModuleDict({"first": torch.nn.Linear(4, 4), "second": torch.nn.Linear(4, 4)})


made = get_peft_model(network(), LoraConfig(target_modules=["first"], bias="lora_only"))
with torch.no_grad():
    made.base_model.model["first"].base_layer.bias.fill_(5.0)
made.save_pretrained("adapter")
tensors = load_file("adapter/adapter_model.safetensors")
names = [name for name in tensors if "bias" in name]
print("saved as", names)
assert names == ["base_model.model.first.base_layer.bias"]


def loaded_bias():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(network(), "adapter")
    return model.base_model.model["first"].bias[0].item(), [str(warning.message) for warning in said]


assert loaded_bias() == (5.0, [])
renamed = {name.replace(".base_layer.bias", ".bias"): tensor for name, tensor in tensors.items()}
save_file(renamed, "adapter/adapter_model.safetensors")
bias, warned = loaded_bias()
print("named as the base names it: the bias is", bias, "and not 5; warnings:", warned)
assert bias != 5.0 and not warned
P
