//! Connections: how many, and how long one may take to say what it wants.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::HttpLimits;

/// How long running requests are waited for once the service is told to stop.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing is accepted after the system refused to: most often it has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until `stop` resolves, then lets running requests end, for at most ten seconds. Over the limit, connections wait
/// to be accepted; one that does not send the head of a request in time is closed.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: HttpLimits,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(limits.header_seconds.max(1)));
    let places = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let accept = async {
        loop {
            // Never closed, so there is always a place some time.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            let stream = accept(&listener).await;
            let service = TowerToHyperService::new(router.clone());
            let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended early");
                }
                drop(place);
            });
        }
    };
    tokio::select! {
        () = pin!(accept) => {}
        () = stop => {}
    }
    drop(listener);
    let _ = tokio::time::timeout(PATIENCE, graceful.shutdown()).await;
}

/// The next connection, however often the system refuses: the service goes on, and answers who is connected.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and whole: waiting to fill a packet only delays them.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn connected(to: std::net::SocketAddr, sent: &str) -> TcpStream {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        stream
    }

    async fn answer(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    const WHOLE: &str = "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";

    /// Those who say nothing, or half of it, keep nobody else out.
    #[tokio::test]
    async fn whoever_does_not_say_what_they_want_is_sent_away() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "here" }));
        let limits = HttpLimits { connections: 2, header_seconds: 1, ..HttpLimits::default() };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, router, limits, async { drop(stopped.await) }));
        let (silent, half) = (connected(address, "").await, connected(address, "GET / HTTP/1.1\r\nHo").await);
        assert!(answer(connected(address, WHOLE).await).await.ends_with("here"));
        for stream in [silent, half] {
            assert!(!answer(stream).await.contains("200 OK"));
        }
        stop.send(()).unwrap();
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "it does not listen any more");
    }
}
