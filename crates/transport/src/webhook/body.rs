//! A body of known length in a few parts: what many messages share is sent without being copied.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

#[derive(Debug, Default)]
pub(crate) struct Parts {
    parts: [Bytes; 3],
    next: usize,
}

impl Parts {
    pub(crate) fn new(parts: [Bytes; 3]) -> Self {
        let mut body = Self { parts, next: 0 };
        body.skip_empty();
        body
    }

    fn skip_empty(&mut self) {
        while self.parts.get(self.next).is_some_and(Bytes::is_empty) {
            self.next += 1;
        }
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.next;
        let part = self.parts.get_mut(next).map(std::mem::take);
        self.next += 1;
        self.skip_empty();
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.next >= self.parts.len()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.parts.iter().skip(self.next).map(|part| part.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn the_parts_come_in_order_without_the_empty_ones_and_the_length_is_known() {
        for (parts, whole) in
            [(["ab", "", "c"], "abc"), (["", "", "x"], "x"), (["", "", ""], ""), (["a", "b", ""], "ab")]
        {
            let body = Parts::new(parts.map(Bytes::from));
            assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
            assert_eq!(body.is_end_stream(), whole.is_empty());
            assert_eq!(body.collect().await.unwrap().to_bytes(), whole);
        }
    }
}
