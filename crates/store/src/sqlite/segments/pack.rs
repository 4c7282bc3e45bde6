//! Lists of small numbers as bytes: seven bits a byte, the highest bit says that more follow.

use hookswitch_core::id::{ExtensionId, FilterNo, SubscriptionNo};

use super::fault::Fault;
use crate::log::Matched;

const TORN: Fault = Fault::Damaged("a packed list ends in the middle of a number");

pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80); // the low seven bits, by intent
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn take(input: &mut &[u8]) -> Result<u64, Fault> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first().ok_or(TORN)?;
        *input = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Fault::Damaged("a packed number is too long"))
}

/// Row numbers are never negative, but the bits survive if one is.
fn put_id(out: &mut Vec<u8>, id: i64) {
    put(out, id.cast_unsigned());
}

fn take_id(input: &mut &[u8]) -> Result<i64, Fault> {
    take(input).map(u64::cast_signed)
}

pub(super) fn matched(targets: &[Matched], out: &mut Vec<u8>) {
    for target in targets {
        put_id(out, target.subscription.0);
        put_id(out, target.filter.0);
        out.push(target.shape);
    }
}

/// The targets one by one, without a list of them.
pub(super) struct Targets<'a>(pub(super) &'a [u8]);

impl Iterator for Targets<'_> {
    type Item = Result<Matched, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.is_empty()).then(|| {
            let (subscription, filter) = (take_id(&mut self.0)?, take_id(&mut self.0)?);
            let (&shape, rest) = self.0.split_first().ok_or(TORN)?;
            self.0 = rest;
            Ok(Matched { subscription: SubscriptionNo(subscription), filter: FilterNo(filter), shape })
        })
    }
}

pub(super) fn unpack_matched(bytes: &[u8]) -> Result<Vec<Matched>, Fault> {
    Targets(bytes).collect()
}

pub(super) fn recipients(extensions: &[ExtensionId]) -> Vec<u8> {
    let mut out = Vec::with_capacity(extensions.len() * 5);
    extensions.iter().for_each(|extension| put(&mut out, extension.0));
    out
}

pub(super) fn unpack_recipients(mut bytes: &[u8]) -> Result<Vec<ExtensionId>, Fault> {
    let mut extensions = Vec::new();
    while !bytes.is_empty() {
        extensions.push(ExtensionId(take(&mut bytes)?));
    }
    Ok(extensions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_list_comes_back_as_it_was_packed(
            targets in proptest::collection::vec((any::<i64>(), any::<i64>(), any::<u8>()), 0..40),
            extensions in proptest::collection::vec(any::<u64>(), 0..40),
        ) {
            let targets: Vec<Matched> = targets
                .into_iter()
                .map(|(sub, filter, shape)| Matched { subscription: SubscriptionNo(sub), filter: FilterNo(filter), shape })
                .collect();
            let mut packed = Vec::new();
            matched(&targets, &mut packed);
            prop_assert_eq!(unpack_matched(&packed).unwrap(), targets);
            let extensions: Vec<ExtensionId> = extensions.into_iter().map(ExtensionId).collect();
            prop_assert_eq!(unpack_recipients(&recipients(&extensions)).unwrap(), extensions);
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = unpack_matched(&bytes);
            let _ = unpack_recipients(&bytes);
        }
    }
}
