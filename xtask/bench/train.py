"""Times training steps of diffusers' networks in PyTorch, as the trainer would do them: the UNet on patches of pixels or on latents
(cosine schedule, v-prediction, min-SNR weights, label dropout), or an AutoencoderKL on squares of pictures (L1, edges at three
sizes, KL); AdamW, gradient clipping, moving average. Prints JSON; `cargo xtask bench train` runs it.

    train.py RUN --kind base|latents|autoencoder --batch-size 128 --warm-up 2 --steps 6
"""

import argparse
import json
import resource
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel

PICTURES = 4096
CROP = 32

parser = argparse.ArgumentParser()
parser.add_argument("run", type=Path)
parser.add_argument("--kind", choices=["base", "latents", "autoencoder"], default="base")
parser.add_argument("--batch-size", type=int, required=True)
parser.add_argument("--warm-up", type=int, required=True)
parser.add_argument("--steps", type=int, required=True)
arguments = parser.parse_args()
batch = arguments.batch_size
torch.manual_seed(0)


def denoising():
    """The network and its loss on a batch."""
    info = json.loads((arguments.run / "digit_diffusion.json").read_text())
    unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(arguments.run / "unet")).train()
    schedule = DDPMScheduler.from_config(DDPMScheduler.load_config(arguments.run / "scheduler"))
    tokens, classes = info["tokens_per_class"], len(info["labels"])
    side = unet.config.sample_size
    snr = schedule.alphas_cumprod / (1 - schedule.alphas_cumprod)
    if arguments.kind == "latents":
        encoded = torch.randn(PICTURES, unet.config.in_channels, side, side)
    else:
        encoded = torch.rand(PICTURES, 1, info["image_size"], info["image_size"]) * 2 - 1
    labels = torch.randint(classes, (PICTURES,))

    def loss():
        chosen = torch.randint(PICTURES, (batch,))
        x0 = encoded[chosen]
        if arguments.kind == "base":
            x0 = F.pixel_unshuffle(x0, info["patch_size"])
        t = torch.randint(schedule.config.num_train_timesteps, (batch,))
        label = torch.where(torch.rand(batch) < 0.1, classes, labels[chosen])
        context = torch.eye((classes + 1) * tokens).view(classes + 1, tokens, -1)[label]
        noise = torch.randn_like(x0)
        noisy, target = schedule.add_noise(x0, noise, t), schedule.get_velocity(x0, noise, t)
        output = unet(noisy, t, encoder_hidden_states=context).sample
        weight = (snr[t].clamp(max=5) + 0.25) / (snr[t] + 1)
        return (((output - target) ** 2).mean(dim=(1, 2, 3)) * weight).mean()

    return unet, loss


def autoencoding():
    vae = AutoencoderKL.from_config(AutoencoderKL.load_config(arguments.run / "vae")).train()
    channels, side = vae.config.in_channels, vae.config.sample_size
    pictures = torch.rand(PICTURES, channels, side, side) * 2 - 1

    def edges(a, b):
        total = 0.0
        for level in range(3):
            if level:
                a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
            total = total + sum((a.diff(dim=axis) - b.diff(dim=axis)).abs().mean() for axis in (2, 3))
        return total

    def loss():
        chosen = pictures[torch.randint(PICTURES, (batch,))]
        corners = torch.randint(side - CROP + 1, (batch, 2)).tolist()
        x = torch.stack([one[:, top : top + CROP, left : left + CROP] for one, (top, left) in zip(chosen, corners)])
        latents = vae.encode(x).latent_dist
        y = vae.decode(latents.sample()).sample
        return (y - x).abs().mean() + 0.5 * edges(y, x) + 1e-6 * latents.kl().sum() / x.numel()

    return vae, loss


network, loss = autoencoding() if arguments.kind == "autoencoder" else denoising()
optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.0)
average = [p.detach().clone() for p in network.parameters()]


def step():
    loss().backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    with torch.no_grad():
        torch._foreach_lerp_(average, list(network.parameters()), 0.001)


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
