//! Throwaway: native results for comparison.
use diffusion::{Base, BaseFiles, Model, Request, SamplerKind};
use burn::tensor::Device;
fn main() {
    let fix = std::path::Path::new("/work/main/tests/fixtures");
    let dir = fix.join("unet/tiny");
    let text = |p: &str| std::fs::read_to_string(dir.join(p)).unwrap();
    let base = Base::read(&BaseFiles { info: &text("digit_diffusion.json"), unet_config: &text("unet/config.json"), scheduler_config: &text("scheduler/scheduler_config.json"), weights: &std::fs::read(dir.join("unet/diffusion_pytorch_model.safetensors")).unwrap() }).unwrap();
    let model = Model::new(base, Device::flex()).unwrap();
    let (t, _) = diffusion::tensors::read_tensors(&std::fs::read(fix.join("trajectories/trajectories.safetensors")).unwrap()).unwrap();
    let noise = t["noise"].values.clone();
    let mut cases = vec![];
    for (name, sampler, steps, guidance) in CASES {
        cases.push((name.to_string(), Request { labels: vec![2, 0], seeds: vec![0, 0], num_inference_steps: *steps, sampler: SamplerKind::from_name(sampler).unwrap(), guidance_scale: *guidance, eta: 0.0, latents: Some(noise.clone()) }));
    }
    for sampler in ["ddpm", "ddim", "dpm++2m", "euler"] {
        cases.push((format!("seed {sampler}"), Request { labels: vec![1, 2], seeds: vec![42, (1 << 53) - 1], num_inference_steps: 3, sampler: SamplerKind::from_name(sampler).unwrap(), guidance_scale: 2.0, eta: if sampler == "ddim" { 0.5 } else { 0.0 }, latents: None }));
    }
    for (name, request) in cases {
        let run = model.generate(request).unwrap();
        let codec = run.codec();
        let (mut f, mut u) = (vec![], vec![]);
        for step in run {
            let step = step.unwrap();
            for x in web::pixels::floats(codec, &step.sample).into_iter().chain(web::pixels::floats(codec, &step.pred_original_sample)) { f.extend(x.to_le_bytes()); }
            u.extend(web::pixels::rgba(codec, &step.sample, step.display_scale));
            u.extend(web::pixels::rgba(codec, &step.pred_original_sample, 1.0));
        }
        std::fs::write(format!("/tmp/webtry/native/{name}.f32"), f).unwrap();
        std::fs::write(format!("/tmp/webtry/native/{name}.u8"), u).unwrap();
    }
}
const CASES: &[(&str, &str, usize, f32)] = &[("ddim_v_guided","ddim",7,2.5),("ddim_v_one_step","ddim",1,1.0),("dpm_v_guided","dpm++2m",9,2.5),("dpm_v_one_step","dpm++2m",1,1.0),("dpm_v_two_steps","dpm++2m",2,2.5),("euler_v_guided","euler",8,2.5),("euler_v_one_step","euler",1,1.0),];
