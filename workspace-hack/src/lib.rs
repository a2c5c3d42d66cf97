#![doc = "No code: see Cargo.toml."]
