'use strict';
// npm ringcentral 3.3.0 with the calls of RingCentral's webhook tutorial, in its order: password login, all
// extensions page by page, two filters for each in one subscription, a receiver that answers 403 to all but
// POST on its own path and sends every event back in its answer.
const assert = require('assert');
const RingCentral = require('ringcentral');
const H = require('../lib/harness.js');

const PER_PAGE = 10;
const platform = new RingCentral({
  server: process.env.RC_SERVER,
  appKey: process.env.RC_APP_KEY,
  appSecret: process.env.RC_APP_SECRET,
}).platform();

const presence = (id) => `/restapi/v1.0/account/~/extension/${id}/presence?detailedTelephonyState=true&aggregated=true`;
const instant = (id) => `/restapi/v1.0/account/~/extension/${id}/message-store/instant?type=SMS`;
const at = (id, tail) => `/restapi/v1.0/account/${process.env.RC_ACCOUNT_ID}/extension/${id}${tail}`;

const extensions = [];
let receiver, subscription;

H.story({
  'logs in with a password and hears of it': async () => {
    const heard = new Promise((ok) => platform.on(platform.events.loginSuccess, ok));
    const answer = await platform.login({
      username: process.env.RC_USERNAME,
      password: process.env.RC_PASSWORD,
      extension: process.env.RC_EXTENSION,
    });
    await heard;
    assert.ok(answer.json().access_token);
  },

  'collects all enabled users page by page': async () => {
    let more = true;
    for (let page = 1; more; page++) {
      const query = { type: 'User', status: 'Enabled', page, perPage: PER_PAGE };
      const data = (await platform.get('/account/~/extension/', query)).json();
      assert.ok(data.records.length <= PER_PAGE, `${data.records.length} on page ${page}`);
      extensions.push(...data.records);
      more = Boolean(data.navigation.nextPage);
    }
    const numbers = new Set(extensions.map((extension) => extension.extensionNumber));
    assert.ok(extensions.length >= 25, `${extensions.length} users`);
    assert.strictEqual(numbers.size, extensions.length, 'each once');
    for (let number = 101; number <= 125; number++) assert.ok(numbers.has(String(number)), `extension ${number}`);
  },

  'subscribes to two filters for each': async () => {
    receiver = await H.receiver({ only: 'POST /webhooks', repeat: true });
    const eventFilters = extensions.flatMap(({ id }) => [presence(id), instant(id)]);
    const deliveryMode = { transportType: 'WebHook', address: receiver.url('/webhooks') };
    subscription = (await platform.post('/subscription', { eventFilters, deliveryMode })).json();
    H.checkSubscription(subscription, { address: receiver.url('/webhooks'), filters: eventFilters.length });
    assert.strictEqual(receiver.handshakes.length, 1);
  },

  'receives events of the first and of the last extension': async () => {
    for (const { id } of [extensions[0], extensions[extensions.length - 1]]) {
      const body = { presenceStatus: 'Busy', telephonyStatus: 'Ringing', n: H.uniq() };
      await H.publish(at(id, '/presence'), body);
      const delivery = await receiver.event((e) => e.body.n === body.n);
      H.checkEnvelope(delivery.json, { event: at(id, '/presence'), body, subscriptionId: subscription.id });

      const message = { id: '1', type: 'SMS', n: H.uniq() };
      await H.publish(at(id, '/message-store/instant'), message);
      const sms = await receiver.event((e) => e.body.n === message.n);
      H.checkEnvelope(sms.json, { event: at(id, '/message-store/instant'), body: message, subscriptionId: subscription.id });
    }
  },

  'was never asked anything but POST on its path': async () => {
    assert.deepStrictEqual(receiver.refused, []);
    assert.ok(receiver.events.every((event) => event.headers['validation-token'] === undefined));
  },

  'each event is recorded as delivered, though the answer repeats it': async () => {
    const delivered = async () => {
      const records = await H.deliveriesOf(subscription.id);
      return records.length === receiver.events.length && records.every((r) => r.status === 'delivered');
    };
    await H.until(delivered, () => 'not all deliveries are recorded as delivered');
    assert.strictEqual(receiver.events.length, 4, 'each once');
  },

  'deletes its subscription': async () => {
    await platform.delete(`/subscription/${subscription.id}`);
    const list = (await platform.get('/subscription')).json();
    assert.ok(!list.records.some((record) => record.id === subscription.id));
    await receiver.close();
  },
});
