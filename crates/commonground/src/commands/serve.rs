//! `commonground serve`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use platform::Platform;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::cli::ServeArgs;
use crate::config::Config;
use crate::exit::Refused;
use crate::terminal::say;

/// How long a publication that is running is waited for once the service is told to stop. What it leaves half done, the next
/// start takes up.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(config: &Config, args: &ServeArgs) -> anyhow::Result<()> {
    let platform = super::attach(config)?;
    serve(&platform, config, args.listen.unwrap_or(config.listen), super::load)
}

/// Listens at once, answers that it is loading until `prepare` has ended, then serves until interrupted.
pub(crate) fn serve(
    platform: &Platform,
    config: &Config,
    listen: SocketAddr,
    prepare: impl FnOnce(&Platform) -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    check_address(listen, platform.has_demo_credentials()?)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().max_blocking_threads(config.http.threads.max(1)).build();
    let runtime = runtime.context("could not start the server's threads")?;
    let listener = runtime.block_on(TcpListener::bind(listen)).with_context(|| {
        format!("could not listen on {listen}; choose another address with `--listen`, or stop what uses this one")
    })?;
    let address = listener.local_addr().context("could not read the listening address")?;
    // Nobody need read what is printed here.
    let _ = say(format_args!("listening    http://{address}  loading; /readyz says when it is ready"));
    let router = api::router(platform.clone(), config.http.clone());
    let mut server = runtime.spawn(api::serve(listener, router, config.http.clone(), interrupted()));

    // A thread of its own, which an interruption does not wait for: what it leaves half done, the next start takes up.
    let (done, prepared) = oneshot::channel();
    let preparing = platform.clone();
    std::thread::spawn(move || {
        let _ = done.send(prepare(&preparing));
    });
    let stopped_early = runtime.block_on(async {
        tokio::select! {
            outcome = prepared => outcome.context("loading stopped on a defect").flatten().map(|()| None),
            stopped = &mut server => Ok(Some(stopped)),
        }
    })?;
    if let Some(stopped) = stopped_early {
        return stopped.context("the server stopped");
    }

    platform.loaded();
    let threads = [platform.start_publishing(), platform.start_watching()];
    let _ = say(format_args!("serving      http://{address}"));
    let stopped = runtime.block_on(server);
    platform.stop_publishing();
    let end = Instant::now() + PATIENCE;
    while threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    stopped.context("the server stopped")
}

/// Demo keys are printed on the screen and lie beside the data: they are for this machine only.
pub(crate) fn check_address(listen: SocketAddr, demo_keys: bool) -> Result<(), Refused> {
    if demo_keys && !listen.ip().is_loopback() {
        return Err(Refused(format!(
            "will not listen on {listen} with demo keys: use a loopback address such as 127.0.0.1:8080, or a folder made with `init`"
        )));
    }
    Ok(())
}

async fn interrupted() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = interrupt.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demo_keys_stay_on_this_machine() {
        for (address, demo, allowed) in [
            ("127.0.0.1:8080", true, true),
            ("[::1]:8080", true, true),
            ("0.0.0.0:8080", true, false),
            ("192.0.2.1:80", true, false),
            ("[::]:80", true, false),
            ("0.0.0.0:8080", false, true),
        ] {
            assert_eq!(check_address(address.parse().unwrap(), demo).is_ok(), allowed, "{address}");
        }
    }
}
