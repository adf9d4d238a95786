//! Connections: how many, and how long one may take to say what it wants and to take its answer.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use futures::FutureExt;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use platform::Stop;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Sleep;
use tower::ServiceExt;

use crate::HttpLimits;
use crate::headers::PeerGone;

/// How long running requests are waited for once the service is told to stop.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing is accepted after the system refused to: most often it has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(200);

/// How often it is looked at whether a peer has closed its connection.
const LOOK: Duration = Duration::from_millis(200);

/// Longest of the time limits here, in seconds: a day.
const LONGEST: u64 = 86_400;

/// Serves until `stop` resolves, then lets running requests end, for at most ten seconds. Over the limit, connections wait
/// to be accepted; one that does not send the head of a request in time is closed, and so is one that takes nothing of an
/// answer. How many one peer may have is for the proxy in front to say, which knows who that is.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: HttpLimits,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let mut builder = http1::Builder::new();
    let seconds = |seconds: u64| Duration::from_secs(seconds.clamp(1, LONGEST));
    builder.timer(TokioTimer::new()).header_read_timeout(seconds(limits.header_seconds));
    let places = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let accept = async {
        loop {
            // Never closed, so there is always a place some time.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            let stream = Arc::new(Mutex::new(accept(&listener).await));
            let current = Current::default();
            let told = current.clone();
            let service = router.clone().map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(told.next());
                request
            });
            let moving = Moving::new(Arc::clone(&stream), seconds(limits.stalled_seconds));
            let connection = builder.serve_connection(TokioIo::new(moving), TowerToHyperService::new(service));
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                tokio::select! {
                    ended = connection => if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended early");
                    },
                    () = current.watch(&stream) => {}
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
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The request of a connection that is answered at present.
#[derive(Clone, Default)]
struct Current(Arc<Mutex<Stop>>);

impl Current {
    /// For the next request.
    fn next(&self) -> PeerGone {
        let stop = Stop::new();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stop.clone();
        PeerGone(stop)
    }

    /// Tells the request whenever its peer has closed the connection, or has sent more behind the request, behind which nobody could see
    /// that. Does not end: a file that is sent is more behind its request, too, and those who read it do not listen.
    async fn watch(&self, stream: &Mutex<TcpStream>) {
        loop {
            tokio::time::sleep(LOOK).await;
            if is_gone_or_ahead(&stream.lock().unwrap_or_else(PoisonError::into_inner)) {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).cancel();
            }
        }
    }
}

fn is_gone_or_ahead(stream: &TcpStream) -> bool {
    match stream.ready(Interest::READABLE).now_or_never() {
        None => false,
        Some(Err(_)) => true,
        Some(Ok(ready)) if ready.is_read_closed() => true,
        Some(Ok(_)) => {
            let peek = || socket2::SockRef::from(stream).peek(&mut [std::mem::MaybeUninit::uninit()]);
            // Where there is nothing it would block.
            stream.try_io(Interest::READABLE, peek).is_ok()
        }
    }
}

/// A stream that fails when nothing can be written for some time.
struct Moving {
    /// With who looks whether the peer has closed it; nobody waits while it is locked.
    stream: Arc<Mutex<TcpStream>>,
    patience: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Moving {
    const fn new(stream: Arc<Mutex<TcpStream>>, patience: Duration) -> Self {
        Self { stream, patience, waiting: None }
    }

    fn stream(&self) -> MutexGuard<'_, TcpStream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unless_stalled<T>(&mut self, poll: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.waiting = None;
            return poll;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Moving {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_read(context, into)
    }
}

impl AsyncWrite for Moving {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut *self.stream()).poll_write(context, bytes);
        self.unless_stalled(poll, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut *self.stream()).poll_write_vectored(context, parts);
        self.unless_stalled(poll, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Extension;
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

    /// Serves two connections at once while `test` runs, which must end.
    async fn serving<T: Future<Output = ()>>(test: impl FnOnce(std::net::SocketAddr) -> T) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let large = || async { vec![b'x'; 32 << 20] };
        let slow = |Extension(PeerGone(gone)): Extension<PeerGone>| async move {
            STARTED.fetch_add(1, Ordering::Relaxed);
            gone.cancelled().await;
            TOLD.fetch_add(1, Ordering::Relaxed);
            // However long it took: nobody reads it.
            "gone"
        };
        let router = Router::new().route("/", get(|| async { "here" })).route("/large", get(large));
        let router = router.route("/slow", get(slow));
        let limits = HttpLimits { connections: 2, header_seconds: 1, stalled_seconds: 1, ..HttpLimits::default() };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, router, limits, async { drop(stopped.await) }));
        tokio::time::timeout(Duration::from_secs(60), test(address)).await.unwrap();
        stop.send(()).unwrap();
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "it does not listen any more");
    }

    /// The third waits for a place, and those who say nothing, or half of it, do not keep theirs.
    #[tokio::test]
    async fn whoever_does_not_say_what_they_want_is_sent_away() {
        serving(|address| async move {
            let start = tokio::time::Instant::now();
            let (silent, half) = (connected(address, "").await, connected(address, "GET / HTTP/1.1\r\nHo").await);
            assert!(answer(connected(address, WHOLE).await).await.ends_with("here"));
            assert!(start.elapsed() > Duration::from_millis(500), "there was no third place");
            for stream in [silent, half] {
                assert!(!answer(stream).await.contains("200 OK"));
            }
        })
        .await;
    }

    static STARTED: AtomicUsize = AtomicUsize::new(0);
    static TOLD: AtomicUsize = AtomicUsize::new(0);

    /// Also where more was sent behind the request, which nobody reads while it is answered.
    #[tokio::test]
    async fn work_is_told_that_its_peer_has_gone_whatever_it_sent_behind() {
        let ask = "GET /slow HTTP/1.1\r\nHost: here\r\n\r\n";
        let behind = ["X", "\r\n", ask, &"x".repeat(200_000)];
        serving(|address| async move {
            for (number, more) in behind.iter().enumerate() {
                let stream = connected(address, &format!("{ask}{more}")).await;
                while STARTED.load(Ordering::Relaxed) <= number {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                drop(stream);
                while TOLD.load(Ordering::Relaxed) <= number {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        })
        .await;
    }

    #[tokio::test]
    async fn whoever_does_not_take_the_answer_is_sent_away() {
        serving(|address| async move {
            let ask = "GET /large HTTP/1.1\r\nHost: here\r\n\r\n";
            let idle = [connected(address, ask).await, connected(address, ask).await];
            assert!(answer(connected(address, WHOLE).await).await.ends_with("here"));
            drop(idle);
        })
        .await;
    }
}
