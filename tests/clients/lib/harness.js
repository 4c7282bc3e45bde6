'use strict';
// What every Node client shares: the server's settings, a publisher, a webhook receiver, checks, and steps
// that are counted. Only Node's built-ins, so that each client keeps its own packages.
//
// The settings come from the environment under the names of `dev.env`; `./test clients` sets them.
const assert = require('assert');
const crypto = require('crypto');
const http = require('http');

const BASE = process.env.HOOKSWITCH_URL.replace(/\/+$/, '');
const WAIT_MS = 20000; // for something that must come

const uniq = () => crypto.randomBytes(6).toString('hex');
const extensionPath = (tail = '') =>
  `/restapi/v1.0/account/${process.env.RC_ACCOUNT_ID}/extension/${process.env.RC_EXTENSION_ID}${tail}`;

// ---- calls that are not the client's own

/** One call with a bearer token; any status is an answer. */
async function call(token, method, path, body) {
  const headers = { accept: 'application/json', authorization: `Bearer ${token}` };
  if (body !== undefined) headers['content-type'] = 'application/json';
  const res = await fetch(BASE + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await res.text();
  return { status: res.status, json: text ? JSON.parse(text) : undefined };
}

/** Publishes one event and returns its uuid; the server has it safe when this returns. */
async function publish(event, body) {
  const entry = { event, body };
  if (!/\/account\/\d/.test(event)) entry.accountId = process.env.RC_ACCOUNT_ID;
  const { status, json } = await call(process.env.HOOKSWITCH_PUBLISH_TOKEN, 'POST', '/hookswitch/v1/events', entry);
  assert.strictEqual(status, 202, `publish: ${JSON.stringify(json)}`);
  return json.events[0].uuid;
}

/** Development mode's clock goes on by so many seconds; what came due was set off when this returns. */
async function advance(seconds) {
  const body = { advance: seconds };
  const { status, json } = await call(process.env.HOOKSWITCH_ADMIN_TOKEN, 'POST', '/hookswitch/v1/dev/clock', body);
  assert.strictEqual(status, 200, `clock: ${JSON.stringify(json)}`);
}

/** The deliveries of a subscription, as the server's history has them. */
async function deliveriesOf(subscriptionId) {
  const token = process.env.HOOKSWITCH_ADMIN_TOKEN;
  const path = `/hookswitch/v1/deliveries?subscriptionId=${subscriptionId}&limit=1000`;
  const { status, json } = await call(token, 'GET', path);
  assert.strictEqual(status, 200, `deliveries: ${JSON.stringify(json)}`);
  return json.records;
}

/** Whether an event was matched by a subscription. Known since the 202, so no waiting for what must not come. */
async function matched(uuid, subscriptionId) {
  const { status, json } = await call(process.env.HOOKSWITCH_ADMIN_TOKEN, 'GET', `/hookswitch/v1/events/${uuid}`);
  assert.strictEqual(status, 200, `event: ${JSON.stringify(json)}`);
  return json.deliveries.some((delivery) => delivery.subscriptionId === subscriptionId);
}

/** Login with the JWT of the demo user, for clients that bring no login of their own. */
async function login() {
  const pair = `${process.env.RC_APP_CLIENT_ID}:${process.env.RC_APP_CLIENT_SECRET}`;
  const res = await fetch(`${BASE}/restapi/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: process.env.RC_USER_JWT,
    }),
  });
  const json = await res.json();
  assert.ok(json.access_token, `login: ${JSON.stringify(json)}`);
  return json.access_token;
}

// ---- a webhook receiver

/**
 * Records everything. `echo`: true echoes the Validation-Token, false does not, a string is sent instead.
 * `status` answers a handshake, `eventStatus(n)` the n-th delivery. `only` as in `POST /webhooks`: all else
 * gets 403. `repeat` sends the delivery back as the answer's body. `late` answers handshakes only after the
 * asker has gone away.
 */
async function receiver({ echo = true, status = 200, eventStatus = () => 200, only, repeat = false, late = false } = {}) {
  const seen = { handshakes: [], events: [], refused: [] };
  const answerHandshake = (record, req, res) => {
    seen.handshakes.push(record);
    res.statusCode = status;
    if (echo) res.setHeader('Validation-Token', echo === true ? record.headers['validation-token'] : echo);
    if (late) req.socket.once('close', () => res.end());
    else res.end();
  };
  const answerEvent = (record, res) => {
    record.json = JSON.parse(record.raw);
    res.statusCode = eventStatus(seen.events.length);
    seen.events.push(record);
    res.end(repeat ? record.raw : undefined);
  };
  const server = http.createServer(async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const raw = Buffer.concat(chunks).toString('utf8');
    const record = { method: req.method, url: req.url, headers: req.headers, raw };
    if (only && only !== `${req.method} ${req.url}`) {
      seen.refused.push(record);
      res.statusCode = 403;
      res.end();
    } else if (req.headers['validation-token'] !== undefined) answerHandshake(record, req, res);
    else answerEvent(record, res);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return Object.assign(seen, {
    url: (path) => `http://127.0.0.1:${server.address().port}${path}`,
    event: (wanted, what = 'delivery') =>
      until(() => seen.events.find((e) => wanted(e.json, e)), () => `no ${what}; ${seen.events.length} others came`),
    close: () => {
      server.closeAllConnections();
      return new Promise((closed) => server.close(closed));
    },
  });
}

/** Waits for a condition; a test that passes is done as soon as it holds. */
async function until(condition, otherwise) {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `after ${WAIT_MS} ms: ${otherwise()}`);
    await new Promise((later) => setTimeout(later, 10));
  }
}

// ---- checks

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function checkEnvelope(json, { event, body, subscriptionId }) {
  const names = Object.keys(json);
  assert.deepStrictEqual(names, ['uuid', 'event', 'timestamp', 'subscriptionId', 'ownerId', 'body']);
  assert.strictEqual(json.event.split('?')[0], event);
  assert.match(json.timestamp, ISO);
  assert.strictEqual(json.subscriptionId, subscriptionId);
  assert.match(json.ownerId, /^\d+$/);
  assert.deepStrictEqual(json.body, body);
}

function checkSubscription(json, { address, filters }) {
  assert.strictEqual(typeof json.id, 'string');
  assert.ok(json.uri.includes(json.id), `uri ${json.uri} names the id`);
  assert.strictEqual(json.status, 'Active');
  assert.match(json.creationTime, ISO);
  assert.match(json.expirationTime, ISO);
  assert.ok(Date.parse(json.expirationTime) > Date.now(), 'expires in the future');
  assert.ok(Number.isInteger(json.expiresIn) && json.expiresIn > 0, `expiresIn ${json.expiresIn}`);
  assert.strictEqual(json.eventFilters.length, filters);
  assert.strictEqual(json.deliveryMode.transportType, 'WebHook');
  assert.strictEqual(json.deliveryMode.address, address);
}

// ---- steps

/**
 * Runs the steps one after another, one line each: `ok STEP` or `not ok STEP: why`. A story stops at its
 * first failure, because later steps build on earlier ones.
 */
async function story(steps) {
  const failed = (name, error) => {
    console.log(`not ok ${name}: ${String((error && error.message) || error).replace(/\s+/g, ' ').slice(0, 600)}`);
    if (error && error.stack) console.error(error.stack);
    process.exit(1);
  };
  let current = 'start';
  process.on('uncaughtException', (error) => failed(`${current} (uncaught in the client)`, error));
  process.on('unhandledRejection', (error) => failed(`${current} (unhandled in the client)`, error));
  for (const [name, step] of Object.entries(steps)) {
    current = name;
    try {
      await step();
    } catch (error) {
      failed(name, error);
    }
    console.log(`ok ${name}`);
  }
  process.exit(0);
}

module.exports = {
  BASE, uniq, extensionPath, call, publish, advance, deliveriesOf, matched, login, receiver, until, checkEnvelope, checkSubscription, story,
};
