"""Draws with this folder's network in diffusers, as `trainer sample` and the web page do: same seed, same picture.

    from diffusers import DiffusionPipeline
    draw = DiffusionPipeline.from_pretrained("www/models/base", trust_remote_code=True)
    draw("7", seed=2, lora="outline").images[0].save("seven.png")

Needs torch and diffusers, and peft for adapters. Written by `trainer export`; every export writes it anew.
"""

import json
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler
from diffusers.pipelines.pipeline_utils import DiffusionPipeline, ImagePipelineOutput
from diffusers.utils import logging
from safetensors import safe_open

logger = logging.get_logger(__name__)

SAMPLERS = {
    "dpm++2m": DPMSolverMultistepScheduler,
    "ddim": DDIMScheduler,
    "ddpm": DDPMScheduler,
    "euler": EulerDiscreteScheduler,
}
ADAPTER = "adapter_model.safetensors"
# What the header of an adapter's file says that was taught to draw in few steps.
TURBO = "digit_diffusion.turbo"
# What it says of the guidance that it is drawn with.
GUIDANCE = "digit_diffusion.guidance_scale"


class DigitDiffusionPipeline(DiffusionPipeline):
    """Class-conditional pictures. `labels`, `tokens_per_class`, `patch_size`, `null_class_trained` and `guidance_scale`
    are those of `digit_diffusion.json`; `vae` is None where latents are squares of pixels."""

    _optional_components = ["vae"]

    def __init__(
        self,
        unet,
        scheduler,
        vae=None,
        labels=(),
        tokens_per_class=1,
        patch_size=1,
        null_class_trained=True,
        guidance_scale=1.6,
    ):
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler, vae=vae)
        self.register_to_config(
            labels=list(labels),
            tokens_per_class=tokens_per_class,
            patch_size=patch_size,
            null_class_trained=null_class_trained,
            guidance_scale=guidance_scale,
        )
        self._loaded = {}

    @torch.no_grad()
    def __call__(
        self,
        label,
        seed=0,
        lora=None,
        num_inference_steps=None,
        sampler=None,
        timestep_spacing=None,
        guidance_scale=None,
        guidance_start=0.2,
        guidance_stop=0.75,
        guidance_eta=0.0,
        eta=0.0,
        latents=None,
        output_type="pil",
        return_dict=True,
    ):
        """Draws one picture, or one for each label or seed.

        label: a class by name, such as "7", or a list of them. seed: a whole number, or a list of them; the starting
        noise is the one that the trainer and the page draw from it. lora: an adapter by name (beside this folder, in
        ../lora), a folder or file of PEFT, or {adapter: strength} for several. Steps, sampler and guidance are by
        default those of the page for this base and its adapters, or those that one was taught with which draws in few
        steps: guidance_scale 1 is off; it is there from the share guidance_start of the run up to guidance_stop; guidance_eta
        is how much of its ink is kept (adaptive projected guidance, arXiv 2410.02416). eta: DDIM's fresh noise; that
        and DDPM's are torch's, so such pictures are others than the trainer's. latents: starting noise [b, c, h, w] in
        place of seed's. output_type: "pil", "np" (floats of [0, 1], [b, h, w, c]) or "pt" (floats of [-1, 1], [b, c,
        h, w]).
        """
        labels, seeds = as_list(label), as_list(seed)
        count = max(len(labels), len(seeds), 1 if latents is None else len(latents))
        labels = [self._index(one) for one in spread(labels, count, "labels")]
        seeds = spread(seeds, count, "seeds")
        turbo, guidance = self._switch_on({} if lora is None else lora if isinstance(lora, dict) else {lora: 1.0})
        sampler = sampler or turbo.get("sampler")
        timestep_spacing = timestep_spacing or turbo.get("timestep_spacing")
        if num_inference_steps is None:
            num_inference_steps = turbo.get("steps", 12)
        if guidance_scale is None:
            guidance_scale = turbo.get("guidance_scale", guidance)
        scheduler = self._scheduler(sampler, timestep_spacing)
        scheduler.set_timesteps(num_inference_steps, device=self._execution_device)

        config = self.unet.config
        shape = (config.in_channels, config.sample_size, config.sample_size)
        if latents is None:
            drawn = np.stack([normals(one, int(np.prod(shape))).reshape(shape) for one in seeds])
            latents = torch.from_numpy(drawn)
        x = latents.to(self._execution_device, torch.float32) * scheduler.init_noise_sigma
        own, null = self._context(labels), self._context([len(self.config.labels)] * count)
        total = len(scheduler.timesteps)
        guided = range(int(guidance_start * total), int(guidance_stop * total))
        guided = guided if guidance_scale != 1 and self.config.null_class_trained else ()
        # One scheduler has no eta, another no generator.
        extra = {"eta": eta} if isinstance(scheduler, DDIMScheduler) else {}
        if isinstance(scheduler, (DDIMScheduler, DDPMScheduler)):
            extra["generator"] = [torch.Generator().manual_seed(one) for one in seeds]
        for i, t in enumerate(self.progress_bar(scheduler.timesteps)):
            sample = scheduler.scale_model_input(x, t)
            output = self._predict(sample, t, own)
            if i in guided:
                push = output - self._predict(sample, t, null)
                if guidance_eta != 1:
                    # The part along the predicted picture, as light over black, only adds ink in the same place.
                    light = predicted(sample, output, self._signal_and_noise(scheduler, i, t), scheduler)
                    light = light + (1 if self.vae is None else 0)
                    along = (push * light).sum((1, 2, 3), keepdim=True) / light.square().sum((1, 2, 3), keepdim=True)
                    push = push - (1 - guidance_eta) * along * light
                output = output + (guidance_scale - 1) * push
            x = scheduler.step(output, t, x, **extra).prev_sample
        images = self._pictures(x).clamp(-1, 1).cpu()
        if output_type != "pt":
            images = (images.permute(0, 2, 3, 1) / 2 + 0.5).numpy()
        if output_type == "pil":
            images = self.numpy_to_pil(images)
        return ImagePipelineOutput(images=images) if return_dict else (images,)

    def _pictures(self, latents):
        if self.vae is None:
            return torch.nn.functional.pixel_shuffle(latents, self.config.patch_size)
        config = self.vae.config
        latents = latents / config.scaling_factor + (config.shift_factor or 0)
        return self.vae.decode(latents.to(self.vae.dtype), return_dict=False)[0].float()

    def _predict(self, sample, t, context):
        sample, context = sample.to(self.unet.dtype), context.to(self.unet.dtype)
        return self.unet(sample, t, context, return_dict=False)[0].float()

    def _index(self, label):
        names = self.config.labels
        if str(label) not in names:
            raise ValueError(f"there is no class {label!r}, the model has {', '.join(names)}")
        return names.index(str(label))

    def _context(self, labels):
        """One-hot rows, which encoder_hid_proj turns into tokens; the class after the last means "no class"."""
        tokens = self.config.tokens_per_class
        rows = torch.zeros(len(labels), tokens, (len(self.config.labels) + 1) * tokens, device=self._execution_device)
        for b, label in enumerate(labels):
            rows[b, range(tokens), range(label * tokens, (label + 1) * tokens)] = 1
        return rows

    def _scheduler(self, sampler, timestep_spacing):
        """The folder's, or another sampler's of the same noise schedule; each with its own spacing unless one is asked for."""
        if sampler is not None and sampler not in SAMPLERS:
            raise ValueError(f"there is no sampler {sampler!r}, choose one of {', '.join(SAMPLERS)}")
        kind = type(self.scheduler) if sampler is None else SAMPLERS[sampler]
        spacing = {} if timestep_spacing is None else {"timestep_spacing": timestep_spacing}
        return kind.from_config(self.scheduler.config, **spacing)

    @staticmethod
    def _signal_and_noise(scheduler, i, t):
        """What the network's input is made of: signal x_0 + noise eps."""
        if isinstance(scheduler, EulerDiscreteScheduler):
            abar = 1 / (scheduler.sigmas[i].square() + 1)
        else:
            abar = scheduler.alphas_cumprod[int(t)]
        return abar.sqrt(), (1 - abar).sqrt()

    def _switch_on(self, strengths):
        """Loads adapters that are new and gives all their strength. What the one that draws in few steps says of that,
        and the guidance to draw with: the largest that one of them asks for, else the base's."""
        turbo, asked = {}, []
        for adapter, strength in strengths.items():
            name, file = self._adapter(adapter)
            with safe_open(file, "pt") as opened:
                header = opened.metadata() or {}
            said = json.loads(header.get(TURBO, "null"))
            if GUIDANCE in header and strength > 0:
                asked.append(json.loads(header[GUIDANCE]))
            if said and strength:
                turbo = said
                if "with" in said:
                    logger.warning(f"{adapter} was taught with {', '.join(said['with'])}: give lora those, too")
            if name not in self._loaded:
                prefix = "base_model.model"
                self.unet.load_lora_adapter(file.parent, weight_name=file.name, prefix=prefix, adapter_name=name)
                self._loaded[name] = file
        if self._loaded and not strengths:
            self.unet.disable_lora()
        if strengths:
            self.unet.enable_lora()
            self.unet.set_adapters([self._adapter(one)[0] for one in strengths], list(strengths.values()))
        return turbo, max(asked, default=self.config.guidance_scale)

    def _adapter(self, adapter):
        """Name within the network, and file."""
        folder = self.config.get("_name_or_path", None) or "."
        tried = [Path(adapter), Path(folder).parent / "lora" / adapter]
        for path in tried:
            file = path / ADAPTER if path.is_dir() else path
            if file.is_file():
                return file.resolve().as_posix().replace(".", "_"), file
        raise ValueError(f"there is no adapter {adapter!r}: neither at {' nor at '.join(str(path) for path in tried)}")


def as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def spread(values, count, name):
    if len(values) not in (1, count):
        raise ValueError(f"there must be one or {count} {name}, not {len(values)}")
    return values * count if len(values) == 1 else values


def predicted(sample, output, signal_and_noise, scheduler):
    """The picture without noise that an output of the network stands for."""
    signal, noise = signal_and_noise
    kind = scheduler.config.prediction_type
    if kind == "v_prediction":
        return signal * sample - noise * output
    return (sample - noise * output) / signal if kind == "epsilon" else output


def normals(seed, count):
    """`count` standard normal numbers of the trainer's portable generator: the key stream of ChaCha with 8 rounds (the key
    is the seed, counter and nonce are 64 bits each), two words to a pair of Box and Muller."""
    key = np.frombuffer(int(seed).to_bytes(8, "little") + bytes(24), "<u4")
    blocks = -(-count // 16)
    counters = np.arange(blocks, dtype=np.uint64)
    start = np.empty((16, blocks), np.uint32)
    start[:4] = np.frombuffer(b"expand 32-byte k", "<u4")[:, None]
    start[4:12] = key[:, None]
    start[12], start[13] = counters & 0xFFFFFFFF, counters >> np.uint64(32)
    start[14:] = 0
    state = start.copy()
    for _ in range(4):
        for column in range(4):
            quarter(state, column, 4 + column, 8 + column, 12 + column)
        for diagonal in range(4):
            quarter(state, diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4)
    units = ((state + start).T.reshape(-1) >> np.uint32(8)).astype(np.float64)
    radius = np.sqrt(-2 * np.log((units[0::2] + 1) / 2**24))
    angle = 2 * np.pi * (units[1::2] / 2**24)
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return pairs.reshape(-1)[:count].astype(np.float32)


def quarter(state, a, b, c, d):
    for x, y, z, places in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[x] += state[y]
        turned = state[z] ^ state[x]
        state[z] = turned << np.uint32(places) | turned >> np.uint32(32 - places)
