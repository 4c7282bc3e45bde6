'use strict';
// A person with a browser before the sign-in page, and the app that sent them there. Debian's Chromium,
// driven by puppeteer-core; nothing leaves this machine: the app's own site is played by the test.
//
// With HOOKSWITCH_SCREENSHOTS=DIR the pages are kept as pictures.
const assert = require('assert');
const crypto = require('crypto');
const http = require('http');
const os = require('os');
const fs = require('fs');
const path = require('path');
const puppeteer = require('puppeteer-core');
const { BASE, story } = require('../clients/lib/harness');

const REDIRECT = 'http://localhost:3000/oauth2callback';
const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'hookswitch-browser-'));
process.on('exit', () => fs.rmSync(profile, { recursive: true, force: true }));

const verifier = crypto.randomBytes(48).toString('base64url');
const challenge = crypto.createHash('sha256').update(verifier).digest('base64url');

let browser, page;
const asked = []; // every URL the page asked for
const complaints = []; // what the browser says about the page

const link = (more = {}) => {
  const own = {
    response_type: 'code', client_id: process.env.RC_APP_CLIENT_ID, redirect_uri: REDIRECT, state: 'a&b="c"',
    code_challenge: challenge, code_challenge_method: 'S256', scope: 'ReadAccounts ReadMessages SubscriptionWebhook',
  };
  return `${BASE}/restapi/oauth/authorize?${new URLSearchParams({ ...own, ...more })}`;
};

/** The app's own site, and nothing else of the outside world. */
function playTheApp(request) {
  const url = request.url();
  asked.push(url);
  if (url.startsWith(BASE) || url.startsWith(framer)) return request.continue();
  if (!url.startsWith('http://localhost:3000/')) return request.abort();
  return request.respond({ status: 200, contentType: 'text/html', body: '<!DOCTYPE html><title>App</title>Back at the app' });
}

let framer = 'nowhere'; // where the other site is
/** Another site with the page in a frame. A real one: from a played one the browser lets no frame reach loopback. */
async function framing() {
  const source = link().replace(/&/g, '&amp;').replace(/"/g, '&quot;');
  const server = http.createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html');
    answer.end(`<!DOCTYPE html><title>Other</title><iframe src="${source}"></iframe>`);
  });
  await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
  server.unref();
  framer = `http://127.0.0.1:${server.address().port}/`;
  return framer;
}

async function newPage() {
  // A context of its own: no cookie of an earlier step.
  const context = await browser.createBrowserContext();
  page = await context.newPage();
  await page.setRequestInterception(true);
  page.on('request', playTheApp);
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
}

/** Does something that leads to another page, and waits until that is there. */
const leads = (act) => Promise.all([page.waitForNavigation({ waitUntil: 'load' }), act()]);

async function signIn(password = process.env.RC_PASSWORD) {
  for (const [field, value] of [['username', process.env.RC_USERNAME], ['extension', process.env.RC_EXTENSION]]) {
    await page.$eval(`#${field}`, (input) => { input.value = ''; });
    await page.type(`#${field}`, value);
  }
  await page.type('#password', password);
  await leads(() => page.keyboard.press('Enter'));
}

function backAtApp() {
  const url = new URL(page.url());
  assert.strictEqual(url.origin + url.pathname, REDIRECT);
  assert.strictEqual(url.searchParams.get('state'), 'a&b="c"');
  return url.searchParams;
}

async function keep(name) {
  if (!process.env.HOOKSWITCH_SCREENSHOTS) return;
  await page.screenshot({ path: path.join(process.env.HOOKSWITCH_SCREENSHOTS, `${name}.png`) });
}

async function token(form) {
  const pair = `${process.env.RC_APP_CLIENT_ID}:${process.env.RC_APP_CLIENT_SECRET}`;
  const res = await fetch(`${BASE}/restapi/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'authorization_code', redirect_uri: REDIRECT, ...form }),
  });
  return { status: res.status, ...(await res.json()) };
}

async function account(accessToken) {
  const headers = { authorization: `Bearer ${accessToken}` };
  const res = await fetch(`${BASE}/restapi/v1.0/account/~/extension/~`, { headers });
  return { code: res.status, ...(await res.json()) };
}

const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);

let code, session;

story({
  'a browser starts': async () => {
    browser = await puppeteer.launch({
      executablePath: CHROMIUM, headless: true, userDataDir: profile,
      args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
      ],
    });
    process.on('exit', () => browser.process() && browser.process().kill('SIGKILL'));
    await newPage();
    await page.setViewport({ width: 900, height: 760 });
  },
  'the app sends the person to a page with the cursor where they begin': async () => {
    const response = await page.goto(link());
    assert.strictEqual(response.status(), 200);
    assert.match(await page.$eval('h1', (title) => title.textContent), /Demo App/);
    assert.strictEqual(await page.evaluate(() => document.activeElement.id), 'username');
    await keep('1-sign-in');
  },
  'a wrong password is told on the page, which keeps the name and not the password': async () => {
    await signIn('guess');
    assert.match(await page.$eval('[role=alert]', (alert) => alert.textContent), /do not match/);
    assert.strictEqual(await page.$eval('#username', (input) => input.value), process.env.RC_USERNAME);
    assert.strictEqual(await page.$eval('#password', (input) => input.value), '');
    assert.ok(new URL(page.url()).origin === new URL(BASE).origin);
    await keep('2-wrong-password');
  },
  'signed in, the person is told what the app wants': async () => {
    await signIn();
    const text = await page.$eval('main', (main) => main.innerText);
    for (const words of ['Demo App', 'Ada Demo', 'Read your messages', 'Be notified of your events', 'localhost:3000']) {
      assert.ok(text.includes(words), `${words} in ${text}`);
    }
    await keep('3-consent');
  },
  'the pages fit a telephone, by day and by night': async () => {
    await page.setViewport({ width: 320, height: 640 });
    assert.ok(await fits());
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    await keep('4-consent-small-dark');
    await page.emulateMediaFeatures([]);
    await page.setViewport({ width: 900, height: 760 });
  },
  'allowed, the person is back at the app with a code and its state': async () => {
    await leads(() => page.click('button[value=allow]'));
    code = backAtApp().get('code');
    assert.ok(code);
    assert.strictEqual(backAtApp().get('expires_in'), '60');
  },
  'the code is worth nothing with a wrong verifier or another redirect URI': async () => {
    const wrong = await token({ code, code_verifier: crypto.randomBytes(48).toString('base64url') });
    assert.deepStrictEqual([wrong.status, wrong.error], [400, 'invalid_grant']);
    const elsewhere = await token({ code, code_verifier: verifier, redirect_uri: 'http://localhost:5000/oauth2callback' });
    assert.deepStrictEqual([elsewhere.status, elsewhere.errorCode], [400, 'OAU-109']);
  },
  'the code and its verifier open a session of that person': async () => {
    session = await token({ code, code_verifier: verifier });
    assert.strictEqual(session.status, 200, JSON.stringify(session));
    assert.strictEqual(session.owner_id, process.env.RC_EXTENSION_ID);
    const scopes = session.scope.split(' ').sort();
    assert.deepStrictEqual(scopes, ['ReadAccounts', 'ReadMessages', 'SubscriptionWebhook']);
    const me = await account(session.access_token);
    assert.deepStrictEqual([me.code, String(me.id)], [200, process.env.RC_EXTENSION_ID]);
  },
  'a replayed code is refused and ends the session it opened': async () => {
    const again = await token({ code, code_verifier: verifier });
    assert.deepStrictEqual([again.status, again.error], [400, 'invalid_grant']);
    assert.strictEqual((await account(session.access_token)).code, 401);
  },
  'who is signed in and has agreed goes straight back to the app': async () => {
    await page.goto(link());
    assert.notStrictEqual(backAtApp().get('code'), code);
  },
  'another redirect URI is told on a page and not followed': async () => {
    asked.length = 0;
    const response = await page.goto(link({ redirect_uri: 'http://localhost:3000/somewhere-else' }));
    assert.strictEqual(response.status(), 400);
    assert.match(await page.$eval('main', (main) => main.innerText), /OAU-109/);
    // An icon of the page before may still be under way.
    assert.ok(asked.every((url) => url.startsWith(BASE) || url.endsWith('/favicon.ico')), asked.join(' '));
    await keep('5-refused');
  },
  'denied, the person is back at the app with the reason': async () => {
    await newPage();
    await page.goto(link({ prompt: 'consent' }));
    await signIn();
    await leads(() => page.click('button[value=deny]'));
    assert.strictEqual(backAtApp().get('error'), 'access_denied');
    assert.strictEqual(backAtApp().get('code'), null);
  },
  'the pages asked for nothing but themselves, and the browser had no complaint': async () => {
    assert.ok(asked.every((url) => url.startsWith(BASE) || url.startsWith(REDIRECT) || url.endsWith('/favicon.ico')), asked.join(' '));
    // A browser reports every answer that is no success; ours are meant.
    const other = complaints.filter((text) => !text.includes('status of 400'));
    assert.deepStrictEqual(other, []);
  },
  'another site cannot show the page in a frame': async () => {
    await newPage();
    const answered = page.waitForResponse((response) => response.url().startsWith(`${BASE}/restapi/oauth/authorize`));
    await page.goto(await framing());
    assert.match((await answered).headers()['content-security-policy'], /frame-ancestors 'none'/);
    const refused = () => page.frames().some((frame) => frame.url().startsWith('chrome-error://'));
    for (let tries = 0; !refused() && tries < 100; tries += 1) await new Promise((done) => { setTimeout(done, 50); });
    assert.ok(refused(), page.frames().map((frame) => frame.url()).join(' '));
  },
  'the browser ends': async () => {
    await browser.close();
  },
});
