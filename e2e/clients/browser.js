// Opens a page in headless Chromium and drives mixpanel-browser in it, as a site would. Arguments: the browser's executable, a folder for
// its profile, the page's address, the collector's address, and the project's token. Prints what the page saw, as JSON.
const { chromium } = require("playwright-core");

const [executablePath, profile, page_url, api_host, token] = process.argv.slice(2);

async function main() {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  try {
    const page = await context.newPage();
    const failures = [];
    const answers = [];
    page.on("console", (m) => { if (m.type() === "error") failures.push(m.text()); });
    page.on("pageerror", (e) => failures.push(String(e)));
    page.on("requestfailed", (r) => failures.push(`${r.method()} ${r.url()}: ${r.failure().errorText}`));
    page.on("response", async (r) => { if (r.url().startsWith(api_host)) answers.push({ path: new URL(r.url()).pathname, status: r.status() }); });
    await page.goto(page_url);
    const ids = await page.evaluate(async ({ api_host, token }) => {
      const started = (config, name) => new Promise((done) => {
        mixpanel.init(token, { api_host, persistence: "localStorage", debug: false, ...config, loaded: (m) => done(m) }, name);
      });
      const sent = (fn) => new Promise((done, fail) => {
        const timer = setTimeout(() => fail(new Error("no answer")), 30000);
        fn((answer) => { clearTimeout(timer); done(answer); });
      });
      const results = {};
      // One request per call, with the answer given to the callback.
      const single = await started({ batch_requests: false }, "single");
      results.device = single.get_property("$device_id");
      results.anonymous = single.get_distinct_id();
      results.track = await sent((cb) => single.track("Browser Tracked", { plan: "Zürich € \u{1f680}", price: 403.3, nested: { a: [1, null] } }, cb));
      single.identify("browser-user");
      single.register({ super: "yes" });
      results.identified = await sent((cb) => single.track("Browser Identified", { after: true }, cb));
      results.people = await sent((cb) => single.people.set({ $name: "Grace", plan: "free" }, cb));
      results.union = await sent((cb) => single.people.union({ list: ["x"] }, cb));
      results.beacon = await sent((cb) => single.track("Browser Beacon", { by: "beacon" }, { transport: "sendBeacon" }, cb));
      // The default: requests are batched and sent after a while.
      const batched = await started({ batch_requests: true, batch_flush_interval_ms: 200, persistence_name: "batched" }, "batched");
      batched.identify("browser-user");
      await Promise.all(Array.from({ length: 40 }, (_, i) => sent((cb) => batched.track("Browser Batched", { i }, cb)))); // they are queued
      // As JSON, the other payload format.
      const json = await started({ batch_requests: false, api_payload_format: "json", persistence_name: "json" }, "json");
      results.json = await sent((cb) => json.track("Browser JSON", { plan: "free" }, cb));
      return results;
    }, { api_host, token });
    // The batch goes out by itself, and the queue is empty once it was answered.
    await page.waitForFunction(() => !Object.keys(localStorage).some((k) => k.startsWith("__mpq_") && k.endsWith("_ev") && JSON.parse(localStorage.getItem(k) || "[]").length > 0), null, { timeout: 60000 });
    // Events under way when the page is left are sent by beacon.
    await page.evaluate(({ api_host, token }) => new Promise((done) => {
      mixpanel.init(token, { api_host, batch_requests: true, batch_flush_interval_ms: 600000, persistence: "localStorage", persistence_name: "leaving",
        loaded: (m) => m.track("Browser Leaving", { by: "unload" }, done) }, "leaving");
    }), { api_host, token });
    const left = page.waitForRequest((r) => r.url().startsWith(api_host + "/track"), { timeout: 60000 });
    await page.evaluate(() => { window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })); });
    await left;
    console.log(JSON.stringify({ ids, failures, answers }));
  } finally {
    await context.close();
  }
}

main().catch((e) => { console.error(e); process.exit(1); });
