//! The fake on loopback: HTTP/1.1 as clients really speak it.

use super::{request, settings};
use crate::fake_aws::credentials::DEFAULT_KEY;
use crate::fake_aws::faults::Fault;
use crate::fake_aws::{Fake, serve::serve};
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A served fake and a connection to it.
async fn connect() -> (Fake, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let fake = Fake::new(settings());
    tokio::spawn(serve(fake.clone(), listener));
    (fake, TcpStream::connect(address).await.unwrap())
}

fn head(extra: &str) -> (String, Vec<u8>) {
    let request = request(DEFAULT_KEY, "us-east-1", "DescribeRegions", &[]);
    let authorization = request.header("authorization").unwrap().to_owned();
    (format!("POST / HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n{extra}"), request.body)
}

/// Reads one whole answer.
async fn answer(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        if body.len() >= length.unwrap().parse().unwrap() {
            return (head.to_owned(), body.to_owned());
        }
    }
}

#[tokio::test]
async fn one_connection_carries_many_calls_in_lengths_and_chunks() {
    let (fake, mut stream) = connect().await;
    let (start, body) = head("");
    for chunked in [false, true, false] {
        let mut bytes = start.clone().into_bytes();
        if chunked {
            bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in body.chunks(7) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes());
            bytes.extend(&body);
        }
        stream.write_all(&bytes).await.unwrap();
        let (head, xml) = answer(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        assert!(xml.contains("xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\""));
        assert!(xml.ends_with("</DescribeRegionsResponse>"));
    }
    assert_eq!(fake.world().count("DescribeRegions"), 3);
}

#[tokio::test]
async fn a_client_that_waits_for_100_gets_it() {
    let (_fake, mut stream) = connect().await;
    let (start, body) = head("Expect: 100-continue\r\nConnection: close\r\n");
    stream.write_all(format!("{start}Content-Length: {}\r\n\r\n", body.len()).as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&body).await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 OK") && rest.contains("Connection: close"));
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let (fake, mut stream) = connect().await;
    fake.world().weather.next("DescribeRegions", Fault::Reset);
    let (start, body) = head("");
    let mut bytes = format!("{start}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend(body);
    stream.write_all(&bytes).await.unwrap();
    let error = stream.read(&mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}
