//! `commonground serve`.

use std::net::SocketAddr;

use anyhow::Context;
use api::HttpLimits;
use platform::Platform;
use tokio::net::TcpListener;

use crate::cli::ServeArgs;
use crate::config::Config;
use crate::exit::Refused;

pub(crate) fn run(config: &Config, args: &ServeArgs) -> anyhow::Result<()> {
    let platform = super::open(config)?;
    serve(platform, args.listen.unwrap_or(config.listen))
}

/// Serves until interrupted.
pub(crate) fn serve(platform: Platform, listen: SocketAddr) -> anyhow::Result<()> {
    check_address(listen, platform.has_demo_credentials()?)?;
    let worker = platform.start_publishing();
    let runtime = tokio::runtime::Runtime::new().context("could not start the server's threads")?;
    let outcome = runtime.block_on(async {
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("could not listen on {listen}: is it in use?"))?;
        let address = listener.local_addr().context("could not read the listening address")?;
        println!("serving      http://{address}");
        let router = api::router(platform.clone(), HttpLimits::default());
        api::serve(listener, router, interrupted()).await.context("the server stopped")
    });
    platform.stop_publishing();
    let _ = worker.join();
    outcome
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
