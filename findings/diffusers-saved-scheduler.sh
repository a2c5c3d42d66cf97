#!/usr/bin/env bash
# diffusers 0.42.1. A scheduler made by from_config() from another scheduler's configuration uses its own default where
# the other one was left at its default. Saving forgets which values were defaults, so the same configuration, saved and
# read again, is taken for set on purpose: DDIM's "leading" spacing reaches DPM-Solver++, whose own default is
# "linspace", and it visits other timesteps.
# Source: ConfigMixin.from_config drops the keys in "_use_default_values", a list that to_json_string leaves out of the
# file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet "diffusers==0.42.1" "torch==2.15.0" "numpy==2.4.6"
venv/bin/python - 2> /dev/null <<'P'
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler

DDIMScheduler().save_pretrained("saved")
seen = {}
for name, scheduler in {
    "in memory": DPMSolverMultistepScheduler.from_config(DDIMScheduler().config),
    "saved": DPMSolverMultistepScheduler.from_pretrained("saved"),
}.items():
    scheduler.set_timesteps(4)
    seen[name] = (scheduler.config.timestep_spacing, scheduler.timesteps.tolist())
    print(f"{name}: {seen[name]}")
assert seen["in memory"] == ("linspace", [999, 749, 500, 250]), seen
assert seen["saved"] == ("leading", [800, 600, 400, 200]), seen
P
