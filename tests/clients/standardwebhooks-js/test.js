'use strict';
// npm standardwebhooks: the receiving side of our signatures.
const assert = require('assert');
const { Webhook } = require('standardwebhooks');
const H = require('../lib/harness.js');

const SUBSCRIPTION = '/restapi/v1.0/subscription';
const webhook = new Webhook(process.env.HOOKSWITCH_SIGNING_SECRET);
let token;

async function subscribed(receiver) {
  const { status, json } = await H.call(token, 'POST', SUBSCRIPTION, {
    eventFilters: ['/restapi/v1.0/account/~/extension/~/presence'],
    deliveryMode: { transportType: 'WebHook', address: receiver.url('/hook') },
  });
  assert.strictEqual(status, 200, JSON.stringify(json));
  return json;
}

H.story({
  'logs in': async () => {
    token = await H.login();
  },

  'a delivery verifies, and nothing that was changed does': async () => {
    const receiver = await H.receiver();
    const subscription = await subscribed(receiver);
    const ids = new Set();
    for (let i = 0; i < 2; i++) {
      const body = { n: H.uniq(), text: 'é漢😀 "\\' };
      await H.publish(H.extensionPath('/presence'), body);
      const { raw, headers } = await receiver.event((e) => e.body.n === body.n);
      assert.match(headers['webhook-timestamp'], /^\d{10}$/);
      H.checkEnvelope(webhook.verify(raw, headers), {
        event: H.extensionPath('/presence'), body, subscriptionId: subscription.id,
      });
      ids.add(headers['webhook-id']);
      assert.throws(() => webhook.verify(raw.replace(body.n, 'x'), headers), 'a changed body');
      assert.throws(() => webhook.verify(raw, { ...headers, 'webhook-id': 'another' }), 'another id');
      const stranger = new Webhook(`whsec_${Buffer.from('another secret').toString('base64')}`);
      assert.throws(() => stranger.verify(raw, headers), 'another secret');
    }
    assert.strictEqual(ids.size, 2, 'two events, two ids');
    await H.call(token, 'DELETE', `${SUBSCRIPTION}/${subscription.id}`);
    await receiver.close();
  },

  'a retry keeps its id and uuid and verifies': async () => {
    const receiver = await H.receiver({ eventStatus: (n) => (n === 0 ? 500 : 200) });
    const subscription = await subscribed(receiver);
    await H.publish(H.extensionPath('/presence'), { n: H.uniq() });
    await H.until(() => receiver.events.length >= 2, () => 'no retry after a 500');
    const [first, second] = receiver.events;
    webhook.verify(first.raw, first.headers);
    webhook.verify(second.raw, second.headers);
    assert.strictEqual(second.headers['webhook-id'], first.headers['webhook-id']);
    assert.strictEqual(second.json.uuid, first.json.uuid);
    await H.call(token, 'DELETE', `${SUBSCRIPTION}/${subscription.id}`);
    await receiver.close();
  },
});
