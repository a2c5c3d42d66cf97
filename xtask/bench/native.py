"""Times denoising steps of a base in PyTorch with diffusers, with guidance as one forward of the doubled batch, on one thread.
Prints JSON; `cargo xtask bench native` runs it.

    native.py BASE_FOLDER --pictures 1 --steps 24
"""

import argparse
import json
import time
from pathlib import Path

import torch
from diffusers import DPMSolverMultistepScheduler, UNet2DConditionModel

parser = argparse.ArgumentParser()
parser.add_argument("base", type=Path)
parser.add_argument("--pictures", type=int, required=True)
parser.add_argument("--steps", type=int, required=True)
arguments = parser.parse_args()

torch.set_num_threads(1)
info = json.loads((arguments.base / "digit_diffusion.json").read_text())
unet = UNet2DConditionModel.from_pretrained(arguments.base / "unet", torch_dtype=torch.float32).eval()
scheduler = DPMSolverMultistepScheduler.from_pretrained(arguments.base / "scheduler")
tokens, classes, pictures = info["tokens_per_class"], len(info["labels"]), arguments.pictures
labels = torch.tensor([classes] * pictures + [i % classes for i in range(pictures)])
context = torch.eye((classes + 1) * tokens).view(classes + 1, tokens, -1)[labels]


@torch.inference_mode()
def draw(steps):
    x = torch.randn(pictures, unet.config.in_channels, unet.config.sample_size, unet.config.sample_size)
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        without, with_label = unet(torch.cat([x, x]), t, context).sample.chunk(2)
        x = scheduler.step(without + 2 * (with_label - without), t, x).prev_sample


draw(4)
begin = time.perf_counter()
draw(arguments.steps)
print(json.dumps({"ms_per_step": (time.perf_counter() - begin) * 1e3 / arguments.steps, "what": f"PyTorch {torch.__version__.split('+')[0]}"}))
