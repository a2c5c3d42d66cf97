//! A server for dist/, for this machine only.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    thread,
};

use anyhow::{Context, Result, bail};
use axum::{
    Router,
    http::{HeaderValue, header},
};
use tokio::runtime;
use tower_http::{services::ServeDir, set_header::SetResponseHeaderLayer};

const FIRST_PORT: u16 = 8080;
const PORTS_TO_TRY: u16 = 20;

/// Serves `dist` until the process ends.
pub fn serve(dist: &Path, listener: TcpListener) -> Result<()> {
    println!("\n    http://{}/\n", listener.local_addr()?);
    println!("Ctrl-C stops the server.");
    answer(listener, app(dist))
}

/// Serves `dist` from now on, until the process ends; answers where.
pub fn in_background(dist: &Path) -> Result<SocketAddr> {
    let listener = listen(Some(0))?;
    let address = listener.local_addr()?;
    let app = app(dist);
    thread::spawn(move || answer(listener, app));
    Ok(address)
}

fn answer(listener: TcpListener, app: Router) -> Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await?;
        Ok(())
    })
}

fn app(dist: &Path) -> Router {
    Router::new()
        .fallback_service(ServeDir::new(dist))
        // Ask each time: a rebuilt engine must not meet yesterday's script.
        .layer(SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, HeaderValue::from_static("no-cache")))
}

/// Takes `port`, or the first free one.
pub fn listen(port: Option<u16>) -> Result<TcpListener> {
    let ports = match port {
        Some(port) => port..=port,
        None => FIRST_PORT..=FIRST_PORT + PORTS_TO_TRY,
    };
    for port in ports.clone() {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot serve on port {port}"));
            }
        }
    }
    match port {
        Some(port) => bail!("port {port} is taken; choose another one with --port"),
        None => bail!("the ports {} to {} are taken; choose another one with --port", ports.start(), ports.end()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    /// Runs `check` against a server of a folder with a few files; outside of it lies a secret.
    fn with_server(check: impl AsyncFnOnce(u16)) {
        let folder = tempfile::tempdir().unwrap();
        let dist = folder.path().join("dist");
        fs::create_dir_all(dist.join("engine")).unwrap();
        fs::write(dist.join("index.html"), "<!doctype html>").unwrap();
        fs::write(dist.join("engine/engine.js"), "export {}").unwrap();
        fs::write(dist.join("engine/engine_bg.wasm"), "\0asm").unwrap();
        fs::write(dist.join("weights.safetensors"), "0123456789").unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        let runtime = runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            check(in_background(&dist).unwrap().port()).await;
        });
    }

    async fn ask(port: u16, request: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let request = format!("{request}\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn every_kind_of_file_has_its_type() {
        with_server(async |port| {
            for (path, kind) in [
                ("/", "text/html"),
                ("/engine/engine.js", "text/javascript"),
                ("/engine/engine_bg.wasm", "application/wasm"),
                ("/weights.safetensors", "application/octet-stream"),
            ] {
                let answer = ask(port, &format!("GET {path} HTTP/1.1")).await;
                assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
                assert!(answer.contains(&format!("content-type: {kind}")), "{path}: {answer}");
                assert!(answer.contains("cache-control: no-cache"), "{path}: {answer}");
            }
        });
    }

    #[test]
    fn head_and_range_are_understood() {
        with_server(async |port| {
            let head = ask(port, "HEAD /weights.safetensors HTTP/1.1").await;
            assert!(head.contains("content-length: 10") && head.ends_with("\r\n\r\n"), "{head}");
            let part = ask(port, "GET /weights.safetensors HTTP/1.1\r\nRange: bytes=2-4").await;
            assert!(part.starts_with("HTTP/1.1 206") && part.ends_with("\r\n\r\n234"), "{part}");
        });
    }

    #[test]
    fn nothing_outside_of_the_folder_is_served() {
        with_server(async |port| {
            for path in ["/../secret", "/%2e%2e/secret", "/engine/../../secret", "/..%2fsecret", "/none"] {
                let answer = ask(port, &format!("GET {path} HTTP/1.1")).await;
                assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
            }
        });
    }

    #[test]
    fn a_taken_port_is_named() {
        with_server(async |port| {
            let error = listen(Some(port)).unwrap_err().to_string();
            assert_eq!(error, format!("port {port} is taken; choose another one with --port"));
        });
    }
}
