"""Times training steps of diffusers' UNet in PyTorch, as `trainer base` would do them: cosine schedule, v-prediction,
min-SNR weights, label dropout, AdamW, gradient clipping, moving average. Prints JSON; `cargo xtask bench train` runs it.

    train.py BASE_FOLDER --batch-size 128 --warm-up 2 --steps 6
"""

import argparse
import json
import resource
import time
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel

parser = argparse.ArgumentParser()
parser.add_argument("base", type=Path)
parser.add_argument("--batch-size", type=int, required=True)
parser.add_argument("--warm-up", type=int, required=True)
parser.add_argument("--steps", type=int, required=True)
arguments = parser.parse_args()

torch.manual_seed(0)
info = json.loads((arguments.base / "digit_diffusion.json").read_text())
unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(arguments.base / "unet")).train()
schedule = DDPMScheduler.from_config(DDPMScheduler.load_config(arguments.base / "scheduler"))
tokens, classes = info["tokens_per_class"], len(info["labels"])
patch, side = info["patch_size"], info["image_size"]
snr = schedule.alphas_cumprod / (1 - schedule.alphas_cumprod)
optimizer = torch.optim.AdamW(unet.parameters(), lr=2e-3, weight_decay=0.0)
average = [p.detach().clone() for p in unet.parameters()]
pictures = torch.rand(4096, 1, side, side) * 2 - 1
labels = torch.randint(classes, (4096,))


def step():
    chosen = torch.randint(4096, (arguments.batch_size,))
    x0 = torch.nn.functional.pixel_unshuffle(pictures[chosen], patch)
    t = torch.randint(schedule.config.num_train_timesteps, (arguments.batch_size,))
    label = torch.where(torch.rand(arguments.batch_size) < 0.1, classes, labels[chosen])
    context = torch.eye((classes + 1) * tokens).view(classes + 1, tokens, -1)[label]
    noise = torch.randn_like(x0)
    noisy, target = schedule.add_noise(x0, noise, t), schedule.get_velocity(x0, noise, t)
    output = unet(noisy, t, encoder_hidden_states=context).sample
    weight = (snr[t].clamp(max=5) + 0.25) / (snr[t] + 1)
    loss = (((output - target) ** 2).mean(dim=(1, 2, 3)) * weight).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    with torch.no_grad():
        torch._foreach_lerp_(average, list(unet.parameters()), 0.001)


for _ in range(arguments.warm_up):
    step()
begin = time.perf_counter()
for _ in range(arguments.steps):
    step()
seconds = time.perf_counter() - begin
print(
    json.dumps(
        {
            "images_per_second": arguments.steps * arguments.batch_size / seconds,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "what": f"PyTorch {torch.__version__.split('+')[0]}, {torch.get_num_threads()} threads",
        }
    )
)
