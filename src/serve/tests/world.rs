//! A server of three hundred events, and a client for it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::Request},
};

use crate::{serve::*, wire::v2::SUBSCRIBE_PATH};

/// How long anything may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// Three hundred events, a millisecond apart.
pub(super) struct Numbers {
    pub(super) schedule: Schedule,
}

pub(super) const FIRST_US: u64 = 1_790_000_000_000_000;
pub(super) const COUNT: u64 = 300;
pub(super) const ALL: usize = 300;
pub(super) const PER_BLOCK: u64 = 7;

pub(super) fn time_of(n: u64) -> u64 {
    FIRST_US + n * 1000
}

impl Feed for Numbers {
    fn describe(&self) -> String {
        "numbers <1 & 2>".to_owned()
    }

    fn read(&self, index: u64, _: u64, block: &mut BlockBuilder) -> Result<bool, FeedError> {
        let first = index * PER_BLOCK;
        for n in first..COUNT.min(first + PER_BLOCK) {
            let collection = if n % 2 == 0 {
                "app.bsky.feed.post"
            } else {
                "app.bsky.feed.like"
            };
            let filler = "x".repeat(if n % 10 == 0 { 2000 } else { 300 });
            let line = format!(
                r#"{{"did":"did:plc:a{}","time_us":1,"kind":"commit","commit":{{"rev":"r","operation":"create","collection":"{collection}","rkey":"{n}","record":{{"text":"{filler}"}}}}}}"#,
                n % 3
            );
            block.push(line.as_bytes(), n + 1, time_of(n)).unwrap();
        }
        Ok(first < COUNT)
    }

    fn find(&self, position: FeedPosition, _: u64) -> u64 {
        match position {
            FeedPosition::Beginning => 0,
            FeedPosition::Seq(seq) => seq.saturating_sub(1).min(COUNT) / PER_BLOCK,
            FeedPosition::End => COUNT / PER_BLOCK,
            FeedPosition::Time(time_us) => {
                (time_us.saturating_sub(FIRST_US) / 1000).min(COUNT) / PER_BLOCK
            }
        }
    }

    fn schedule(&self, _: u64) -> Schedule {
        self.schedule
    }
}

/// A server under way. Its task ends with the test's runtime.
pub(super) struct World {
    pub(super) address: SocketAddr,
    pub(super) stop: CancellationToken,
    pub(super) tasks: JoinSet<Served>,
}

impl World {
    pub(super) async fn with(schedule: Schedule, settings: ServerSettings) -> Self {
        Self::of(Numbers { schedule }, settings).await
    }

    pub(super) async fn of(feed: impl Feed, settings: ServerSettings) -> Self {
        let server = Server::bind(([127, 0, 0, 1], 0).into(), feed, settings);
        let server = server.await.unwrap();
        let stop = CancellationToken::new();
        let address = server.address().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(server.run(stop.clone().cancelled_owned()));
        Self {
            address,
            stop,
            tasks,
        }
    }

    pub(super) async fn new() -> Self {
        Self::with(Schedule::Max, ServerSettings::default()).await
    }

    pub(super) async fn connect(&self, query: &str) -> Client {
        self.connect_with(query, &[]).await.unwrap()
    }

    pub(super) async fn connect_with(
        &self,
        query: &str,
        headers: &[(&str, &str)],
    ) -> Result<Client, Error> {
        self.connect_to("/subscribe", query, headers).await
    }

    pub(super) async fn connect_v2(
        &self,
        query: &str,
        headers: &[(&str, &str)],
    ) -> Result<Client, Error> {
        self.connect_to(SUBSCRIBE_PATH, query, headers).await
    }

    async fn connect_to(
        &self,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
    ) -> Result<Client, Error> {
        let url = format!("ws://{}{path}?{query}", self.address);
        let mut request: Request<()> = url.into_client_request().unwrap();
        for (name, value) in headers {
            let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (socket, _) = connect_async(request).await?;
        Ok(Client(socket))
    }

    /// Sends bytes, and returns all that comes back.
    pub(super) async fn ask(&self, request: &[u8]) -> String {
        String::from_utf8(self.ask_bytes(request).await).unwrap()
    }

    pub(super) async fn ask_bytes(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        timeout(DEADLINE, stream.read_to_end(&mut answer))
            .await
            .unwrap()
            .unwrap();
        answer
    }

    /// Sends bytes, and returns the head of the answer.
    pub(super) async fn head(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            let read = timeout(DEADLINE, stream.read_buf(&mut answer)).await;
            assert!(read.unwrap().unwrap() > 0, "{answer:?}");
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(super) async fn served(mut self) -> Served {
        timeout(DEADLINE, self.tasks.join_next())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    }
}

#[derive(Debug)]
pub(super) struct Client(pub(super) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub(super) async fn message(&mut self) -> Option<Result<Message, Error>> {
        timeout(DEADLINE, self.0.next())
            .await
            .expect("nothing came")
    }

    /// The next event.
    pub(super) async fn event(&mut self) -> Value {
        let message = self.message().await.unwrap().unwrap();
        let text = match &message {
            Message::Text(text) => text.as_bytes().to_vec(),
            #[cfg(feature = "zstd")]
            Message::Binary(frame) => {
                let dictionary = crate::wire::dictionary::DICTIONARY;
                let mut decompressor =
                    zstd::bulk::Decompressor::with_dictionary(dictionary).unwrap();
                decompressor.decompress(frame, 100_000).unwrap()
            }
            other => panic!("{other:?}"),
        };
        serde_json::from_slice(&text).unwrap()
    }

    pub(super) async fn numbers(&mut self, n: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        while numbers.len() < n {
            let event = self.event().await;
            let number: u64 = event["commit"]["rkey"].as_str().unwrap().parse().unwrap();
            assert_eq!(event["time_us"], time_of(number));
            numbers.push(number);
        }
        numbers
    }

    pub(super) async fn send(&mut self, message: impl Into<Message>) {
        self.0.send(message.into()).await.unwrap();
    }

    /// The code and reason of the close frame that comes sooner or later.
    pub(super) async fn close(&mut self) -> (u16, String) {
        loop {
            match self.message().await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(_)) => {}
                other => panic!("no close frame but {other:?}"),
            }
        }
    }
}
