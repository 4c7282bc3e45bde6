'use strict';
// npm @ringcentral/sdk, unmodified, through the whole life of webhook subscriptions on both doors.
const assert = require('assert');
const { SDK } = require('@ringcentral/sdk');
const H = require('../lib/harness.js');

const SUBSCRIPTION = '/restapi/v1.0/subscription';
const WEBINAR = '/webinar/notifications/v1/subscriptions';
const SESSIONS = '/webinar/configuration/v1/company/sessions';
const PRESENCE = '/restapi/v1.0/account/~/extension/~/presence';
const REMINDER = '/restapi/v1.0/subscription/~?threshold=120&interval=35';
const MESSAGES = '/restapi/v1.0/account/~/extension/~/message-store';

const sdkWith = (more = {}) => new SDK({
  server: H.BASE,
  clientId: process.env.RC_APP_CLIENT_ID,
  clientSecret: process.env.RC_APP_CLIENT_SECRET,
  ...more,
});
const platform = sdkWith().platform();
const json = async (answer) => (await answer).json();
const webhook = (address, more = {}) => ({ transportType: 'WebHook', address, ...more });

/** A call that must fail: its status, and the message the SDK shows is the server's. */
async function refused(promise, status) {
  const error = await promise.then((r) => assert.fail(`answered ${r.status}`), (e) => e);
  assert.ok(error.response, error.message);
  assert.strictEqual(error.response.status, status);
  assert.match(error.response.headers.get('content-type'), /^application\/json/);
  const body = await error.response.clone().json();
  assert.strictEqual(typeof body.errorCode, 'string');
  assert.strictEqual(error.message, body.message, 'the SDK shows the message');
  return body;
}

/** The server's record says that the event has no delivery for this subscription. */
async function notSent(subscriptionId, uuid) {
  assert.ok(!(await H.matched(uuid, subscriptionId)), `event ${uuid} has a delivery`);
}

let receiver, webinar, subscription, path, reminded;
const reminders = () => receiver.events.filter((e) => e.json.event === REMINDER);
const address = () => receiver.url('/hook?auth_token=MySecureToken');
const verificationToken = `vt${H.uniq()}`;

H.story({
  'logs in with a JWT and hears of it': async () => {
    const heard = new Promise((ok) => platform.on(platform.events.loginSuccess, ok));
    const token = await json(platform.login({ jwt: process.env.RC_USER_JWT }));
    await heard;
    assert.match(token.token_type, /^bearer$/i);
    assert.ok(typeof token.expires_in === 'number' && token.expires_in > 60, 'the SDK refreshes 60 s ahead');
    assert.strictEqual(typeof token.refresh_token, 'string');
    assert.strictEqual(typeof token.refresh_token_expires_in, 'number');
    receiver = await H.receiver();
  },

  'subscribes to one webinar at the webinar door': async () => {
    const url = receiver.url('/hook?webinar=1');
    const filter = `${SESSIONS}?webinarId=w1`;
    webinar = await json(platform.post(WEBINAR, { eventFilters: [filter], deliveryMode: webhook(url), expiresIn: 100000 }));
    H.checkSubscription(webinar, { address: url, filters: 1 });
    assert.ok(Math.abs(webinar.expiresIn - 100000) <= 5, `expiresIn ${webinar.expiresIn}`);
    const handshake = receiver.handshakes.find((h) => h.url === '/hook?webinar=1');
    assert.strictEqual(handshake.method, 'POST');
    assert.strictEqual(handshake.headers['content-length'], '0');
  },

  'subscribes to four filters at the classic door': async () => {
    const answer = await platform.post(SUBSCRIPTION, {
      eventFilters: [
        `${PRESENCE}?detailedTelephonyState=true&sipData=true`,
        MESSAGES,
        `${PRESENCE}/line`,
        '/restapi/v1.0/account/~/extension',
      ],
      deliveryMode: webhook(address(), { verificationToken }),
    });
    assert.strictEqual(answer.status, 200);
    subscription = await answer.json();
    path = `${SUBSCRIPTION}/${subscription.id}`;
    H.checkSubscription(subscription, { address: address(), filters: 4 });
    const handshake = receiver.handshakes.find((h) => h.url === '/hook?auth_token=MySecureToken');
    assert.strictEqual(handshake.headers['verification-token'], verificationToken);
  },

  'receives an event as it was published, at the address as it was given': async () => {
    const body = { presenceStatus: 'Busy', n: H.uniq(), 'non-ascii': 'é漢😀', nested: { a: [1, 2.5, null, true] } };
    await H.publish(H.extensionPath('/presence'), body);
    const delivery = await receiver.event((e) => e.body.n === body.n);
    H.checkEnvelope(delivery.json, { event: H.extensionPath('/presence'), body, subscriptionId: subscription.id });
    assert.strictEqual(`${delivery.method} ${delivery.url}`, 'POST /hook?auth_token=MySecureToken');
    assert.match(delivery.headers['content-type'], /^application\/json/);
    assert.strictEqual(delivery.headers['verification-token'], verificationToken);
    assert.strictEqual(delivery.headers['validation-token'], undefined);
  },

  'receives its own webinar and no other': async () => {
    const other = await H.publish(SESSIONS, { webinarId: 'other', n: H.uniq() });
    const body = { webinarId: 'w1', n: H.uniq() };
    const own = await H.publish(SESSIONS, body);
    assert.ok(await H.matched(own, webinar.id));
    const delivery = await receiver.event((e) => e.body.n === body.n);
    H.checkEnvelope(delivery.json, { event: SESSIONS, body, subscriptionId: webinar.id });
    assert.strictEqual(delivery.url, '/hook?webinar=1');
    await notSent(webinar.id, other);
  },

  'lists and reads at both doors': async () => {
    const list = await json(platform.get(SUBSCRIPTION));
    H.checkSubscription(list.records.find((r) => r.id === subscription.id), { address: address(), filters: 4 });
    assert.ok((await json(platform.get(WEBINAR))).records.some((r) => r.id === webinar.id));
    assert.strictEqual((await json(platform.get(path))).id, subscription.id);
    const read = await json(platform.get(`${WEBINAR}/${webinar.id}`));
    H.checkSubscription(read, { address: receiver.url('/hook?webinar=1'), filters: 1 });
  },

  'PUT without a body renews and keeps the filters': async () => {
    const before = await json(platform.get(path));
    const after = await json(platform.put(path));
    assert.strictEqual(after.id, subscription.id);
    assert.deepStrictEqual(after.eventFilters, before.eventFilters);
    assert.ok(Date.parse(after.expirationTime) > Date.parse(before.expirationTime));
  },

  'PUT with the same filters renews': async () => {
    const before = await json(platform.get(path));
    const after = await json(platform.put(path, { eventFilters: [...before.eventFilters].reverse() }));
    assert.ok(Date.parse(after.expirationTime) > Date.parse(before.expirationTime));
  },

  'POST renew renews': async () => {
    const before = await json(platform.get(path));
    const after = await json(platform.post(`${path}/renew`));
    assert.ok(Date.parse(after.expirationTime) > Date.parse(before.expirationTime));
  },

  'PUT with other filters replaces them and leaves the expiry': async () => {
    const before = await json(platform.get(path));
    const after = await json(platform.put(path, { eventFilters: [MESSAGES] }));
    assert.strictEqual(after.eventFilters.length, 1);
    assert.strictEqual(after.deliveryMode.address, address());
    assert.strictEqual(after.expirationTime, before.expirationTime);
    const dropped = await H.publish(H.extensionPath('/presence'), { n: H.uniq() });
    const body = { n: H.uniq(), changes: [] };
    await H.publish(H.extensionPath('/message-store'), body);
    const delivery = await receiver.event((e) => e.body.n === body.n);
    H.checkEnvelope(delivery.json, { event: H.extensionPath('/message-store'), body, subscriptionId: subscription.id });
    await notSent(subscription.id, dropped);
  },

  'is reminded before the end, each time once': async () => {
    const url = receiver.url('/reminded');
    reminded = await json(platform.post(SUBSCRIPTION, { eventFilters: [PRESENCE, REMINDER], deliveryMode: webhook(url), expiresIn: 600 }));
    assert.strictEqual(reminded.eventFilters[1], REMINDER, 'as it was written');
    await H.advance(470);
    assert.strictEqual(reminders().length, 0);
    await H.advance(11);
    const { json: first } = await receiver.event((e) => e.event === REMINDER);
    H.checkEnvelope(first, { event: '/restapi/v1.0/subscription/~', body: { expiresIn: first.body.expiresIn }, subscriptionId: reminded.id });
    assert.ok(first.body.expiresIn <= 119 && first.body.expiresIn > 109, `expiresIn ${first.body.expiresIn}`);
    await H.advance(35);
    await H.until(() => reminders().length === 2, () => `${reminders().length} reminders`);
    assert.notStrictEqual(reminders()[0].json.uuid, reminders()[1].json.uuid);
  },

  'PUT without a body answers a reminder, and they stop': async () => {
    const path = `${SUBSCRIPTION}/${reminded.id}`;
    const renewed = await json(platform.put(path));
    assert.ok(Date.parse(renewed.expirationTime) > Date.parse(reminded.expirationTime));
    assert.ok(renewed.expiresIn >= 595, `expiresIn ${renewed.expiresIn}`);
    await H.advance(200);
    const body = { presenceStatus: 'Available', n: H.uniq() };
    await H.publish(H.extensionPath('/presence'), body);
    await receiver.event((e, { url }) => url === '/reminded' && e.body.n === body.n);
    assert.strictEqual(reminders().length, 2, 'past the end that there would have been');
    await H.advance(290);
    await H.until(() => reminders().length === 3, () => 'no reminder of the new end');
    await H.advance(600);
    await refused(platform.get(path), 404);
  },

  'DELETE ends a subscription at both doors': async () => {
    assert.strictEqual((await platform.delete(path)).status, 204);
    assert.strictEqual((await platform.delete(`${WEBINAR}/${webinar.id}`)).status, 204);
    await refused(platform.get(path), 404);
    const list = await json(platform.get(SUBSCRIPTION));
    assert.ok(!list.records.some((r) => r.id === subscription.id));
    const late = await H.publish(H.extensionPath('/message-store'), { n: H.uniq(), changes: [] });
    await notSent(subscription.id, late);
  },

  'a receiver that does not answer well is refused and nothing is made': async () => {
    const bad = { 'no echo': { echo: false }, 'another token': { echo: 'not-the-token' }, 'status 500': { status: 500 }, 'too late': { late: true } };
    for (const [what, behaviour] of Object.entries(bad)) {
      const theirs = await H.receiver(behaviour);
      const url = theirs.url(`/hook?${H.uniq()}`);
      const body = await refused(platform.post(SUBSCRIPTION, { eventFilters: [PRESENCE], deliveryMode: webhook(url) }), 400)
        .catch((error) => assert.fail(`${what}: ${error.message}`));
      assert.match(body.errorCode, /^SUB-52/, what);
      assert.ok(theirs.handshakes.length >= 1, `${what}: was asked`);
      const list = await json(platform.get(SUBSCRIPTION));
      assert.ok(!list.records.some((r) => r.deliveryMode.address === url), `${what}: nothing was made`);
      await theirs.close();
    }
    const nobody = webhook('http://127.0.0.1:9/nobody');
    await refused(platform.post(SUBSCRIPTION, { eventFilters: [PRESENCE], deliveryMode: nobody }), 400);
    await refused(platform.post(SUBSCRIPTION, { eventFilters: [], deliveryMode: webhook(address()) }), 400);
  },

  'a wrong access token is a 401 that the SDK recovers from': async () => {
    const stale = sdkWith({ cachePrefix: 'stale' });
    const seen = [];
    stale.client().on('requestError', (error) => seen.push(error));
    await stale.platform().login({ access_token: 'no-such-token', token_type: 'bearer', expires_in: 3600 });
    await stale.platform().get(SUBSCRIPTION).then(() => assert.fail('answered'), () => {});
    await refused(Promise.reject(seen[0]), 401);

    const expired = { access_token: 'no-such-token', token_type: 'bearer', expires_in: '3600', expire_time: Date.now() + 3600e3 };
    await platform.auth().setData(expired);
    let refreshed = 0;
    platform.on(platform.events.refreshSuccess, () => refreshed++);
    assert.strictEqual((await platform.get(SUBSCRIPTION)).status, 200);
    assert.strictEqual(refreshed, 1);
  },

  'wrong credentials are told in words': async () => {
    const wrong = [[sdkWith({ cachePrefix: 'jwt' }), 'wrong'], [sdkWith({ cachePrefix: 'secret', clientSecret: 'wrong' }), process.env.RC_USER_JWT]];
    for (const [sdk, jwt] of wrong) {
      const error = await sdk.platform().login({ jwt }).then(() => assert.fail('logged in'), (e) => e);
      assert.ok([400, 401].includes(error.response.status), `status ${error.response.status}`);
      const body = await error.response.clone().json();
      assert.strictEqual(typeof body.error, 'string');
      assert.strictEqual(error.message, body.error_description);
    }
  },

  'logout revokes the token': async () => {
    const { access_token: token } = await platform.auth().data();
    await platform.logout();
    assert.strictEqual((await H.call(token, 'GET', SUBSCRIPTION)).status, 401);
    await receiver.close();
  },
});
