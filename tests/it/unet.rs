use burn::tensor::{Device, Tensor, TensorData};
use diffusion::{Base, BaseFiles};
use diffusion::tensors::read_tensors;
use std::path::Path;

fn base(folder: &Path) -> Base {
    let text = |p: &str| std::fs::read_to_string(folder.join(p)).unwrap();
    Base::read(&BaseFiles { info: &text("digit_diffusion.json"), unet_config: &text("unet/config.json"),
        scheduler_config: &text("scheduler/scheduler_config.json"),
        weights: &std::fs::read(folder.join("unet/diffusion_pytorch_model.safetensors")).unwrap() }).unwrap()
}

#[test]
fn forward() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/unet");
    for (folder, case, labels, t) in [("tiny", "integer", [2, 3], [999.0f32, 371.0]), ("tiny","fractional",[0,1],[0.5,613.25]), ("uneven","wide",[1,2],[17.75,250.0]), ("uneven","square",[2,0],[0.0,399.0])] {
        for device in [Device::flex(), Device::ndarray()] {
        let b = base(&root.join(folder));
        let unet = b.build(&device).unwrap();
        let (f, _) = read_tensors(&std::fs::read(root.join(folder).join("forward.safetensors")).unwrap()).unwrap_or_default();
        let s = &f[&format!("{case}.sample")];
        let x: Tensor<4> = Tensor::from_data(TensorData::new(s.values.clone(), s.shape.clone()), &device);
        let ctx = unet.context(diffusion::unet::class_rows(&labels, &b.info, &device).unwrap());
        let out = unet.forward(x, &t, ctx).into_data().try_into_vec_as::<f32>().unwrap();
        let want = &f[&format!("{case}.output")].values;
        let diff = out.iter().zip(want).map(|(a,b)| (a-b).abs()).fold(0.0, f32::max);
        println!("{folder} {case} {device:?} {diff:e}");
        assert!(diff < 1e-4);
        }
    }
}
