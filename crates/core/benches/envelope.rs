//! What one notification costs before it is sent: `cargo bench -p hookswitch-core --bench envelope`.

mod cpu_time;

use std::hint::black_box;

use cpu_time::CpuTime;
use criterion::{Criterion, criterion_group, criterion_main};
use hookswitch_core::catalogue::Catalogue;
use hookswitch_core::clock::WallTime;
use hookswitch_core::envelope::{Envelope, minify, timestamp};
use hookswitch_core::limits::EVENT_BODY_BYTES;
use hookswitch_core::signature::{Signer, secret_from};

fn envelope(criterion: &mut Criterion<CpuTime>) {
    let catalogue = Catalogue::built_in();
    let (presence, entry) = catalogue.named("presence").expect("a built-in event type");
    let pretty = serde_json::to_vec_pretty(&entry.sample).expect("a sample is JSON");
    let compact = minify(&pretty, EVENT_BODY_BYTES).expect("a sample is a body");
    let flat = format!(r#"{{"text":"{}"}}"#, "x".repeat(1024)).into_bytes();
    criterion.bench_function("minify a flat KiB", |bencher| {
        bencher.iter(|| minify(black_box(&flat), EVENT_BODY_BYTES));
    });
    criterion.bench_function("minify a detailed presence", |bencher| {
        bencher.iter(|| minify(black_box(&pretty), EVENT_BODY_BYTES));
    });
    criterion.bench_function("shape a detailed presence to a plain one", |bencher| {
        bencher.iter(|| catalogue.shape_body(presence, 0, black_box(&compact)));
    });
    criterion.bench_function("shape a detailed presence, nothing to remove", |bencher| {
        bencher.iter(|| catalogue.shape_body(presence, 0b111, black_box(&compact)));
    });
    let envelope = Envelope {
        uuid: "11111111-2222-4333-8444-555555555555",
        event: "/restapi/v1.0/account/400131/extension/400131001/presence?detailedTelephonyState=true&sipData=true",
        timestamp: "2024-01-31T12:34:56.789Z",
        subscription_id: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        owner_id: "400131001",
    };
    criterion.bench_function("envelope", |bencher| {
        bencher.iter(|| black_box(&envelope).parts(compact.clone()));
    });
    criterion.bench_function("timestamp", |bencher| {
        bencher.iter(|| timestamp(black_box(WallTime(1_706_704_496_789))));
    });
    let secret = secret_from(&[7; 32]);
    let signer = Signer::new([secret.as_str()]).expect("32 bytes are a secret");
    let parts = envelope.parts(compact.clone());
    criterion.bench_function("sign", |bencher| {
        bencher.iter(|| {
            signer.sign(envelope.uuid, 1_706_704_496, black_box(&[&parts[0], &parts[1], &parts[2]]))
        });
    });
    criterion.bench_function("resolve a path", |bencher| {
        bencher.iter(|| {
            catalogue.resolve(black_box("/restapi/v1.0/account/400131/extension/400131001/presence"))
        });
    });
}

criterion_group!(name = benches; config = cpu_time::criterion(); targets = envelope);
criterion_main!(benches);
